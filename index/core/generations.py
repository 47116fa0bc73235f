"""Generations: what each was built with, and which of them the sources are brought into."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from schemas.ids import Generation


class GenerationState(StrEnum):
    """What a generation is for. All but a retired one receive changes; at most one is live."""

    BUILDING = "building"
    LIVE = "live"
    KEPT = "kept"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """All that shapes an index beside its content. As text it is what the store compares."""

    parser: str
    chunker: str
    target_chars: int
    max_tokens: int
    model_hash: str

    def __str__(self) -> str:
        return (
            f"{self.parser}/{self.chunker}/{self.target_chars}.{self.max_tokens}/{self.model_hash}"
        )

    @staticmethod
    def parse(text: str) -> "Fingerprint | None":
        """What a stored fingerprint says; None for one of another form."""
        parts = text.split("/")
        target, dot, window = parts[2].partition(".") if len(parts) == 4 else ("", "", "")
        if not (dot and target.isdecimal() and window.isdecimal()):
            return None
        return Fingerprint(parts[0], parts[1], int(target), int(window), parts[3])


@dataclass(frozen=True, slots=True)
class GenerationInfo:
    """One whole index: what it was built with, and whether questions are answered from it.

    `is_by_hand`: a person had it built, so nothing promotes or drops it but a person. `is_pinned`: a person chose it
    as the live one though something else was configured.
    """

    generation: Generation
    fingerprint: str
    model: str
    dim: int
    is_live: bool
    is_kept: bool = False
    is_by_hand: bool = False
    is_pinned: bool = False


@dataclass(frozen=True, slots=True)
class Choice:
    """What a process that follows does about generations at its start.

    `use` is the one that is brought up and answered from, None where one has to be made. `is_agreed` says that a pin
    has had its day, since the live generation is what is configured.
    """

    use: GenerationInfo | None
    drop: tuple[Generation, ...] = ()
    is_agreed: bool = False


def choose(known: Sequence[GenerationInfo], wanted: str) -> Choice:
    """Decide by the fingerprint that is configured, unless a person has decided.

    A pinned live generation stays. What was built by hand waits for its promotion, even when it is what is configured.
    Of what is built, only that of an earlier configuration is dropped.
    """
    live = next((info for info in known if info.is_live), None)
    match = next((info for info in known if info.fingerprint == wanted), None)
    drop = tuple(info.generation for info in known if _is_left_over(info, wanted))
    if live is None or live.fingerprint == wanted:
        return Choice(live or match, drop, live is not None and live.is_pinned)
    waits = match is not None and match.is_by_hand and not match.is_kept
    return Choice(live if live.is_pinned or waits else match, drop)


def _is_left_over(info: GenerationInfo, wanted: str) -> bool:
    is_building = not (info.is_live or info.is_kept)
    return is_building and not info.is_by_hand and info.fingerprint != wanted


def differences(
    built: Fingerprint | None, wanted: Fingerprint, *, model: str, wanted_model: str
) -> tuple[str, ...]:
    """How a generation differs from what is configured, in words; empty when it does not."""
    if built is None:
        return ("it was built in a way that is not known any more",)
    pairs = (
        ("model", model, wanted_model),
        ("target_chars", built.target_chars, wanted.target_chars),
        ("parser", built.parser, wanted.parser),
        ("chunker", built.chunker, wanted.chunker),
    )
    told = [f"{name} {has}, configured {wants}" for name, has, wants in pairs if has != wants]
    if not told and built != wanted:
        told.append(f"the files of the model {model} have changed")
    return tuple(told)
