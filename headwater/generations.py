"""Generations in a process that follows: which one it brings up, and when that one answers."""

from dataclasses import dataclass

from headwater.models import Say
from headwater.runtime import Runtime
from index.adapters.postgres.probe import PostgresProbe
from index.core.generations import GenerationInfo, choose
from schemas.ids import Generation, SourceName

MIN_RECALL = 0.95
"""Of the ten vectors nearest to a text the approximate index has to find so many, on a sample."""


@dataclass(frozen=True, slots=True)
class Target:
    """The generation that syncs bring up: `is_new` while it is built beside the live one, or before a first load.

    `known` are all generations that receive changes. Sources in `overdue` have pages that one of them never received,
    and which no change would bring.
    """

    generation: Generation
    is_new: bool
    known: frozenset[Generation] = frozenset()
    overdue: frozenset[SourceName] = frozenset()


async def choose_generation(runtime: Runtime) -> Target:
    """Find the generation built with what is configured, or make it; drop what no longer serves.

    The first generation of an empty store is live from the start: it answers from what it has so far. What a person
    has chosen or had built is left as it is, see `index.core.generations.choose`.
    """
    generations = runtime.store.generations
    for old in await generations.retired():
        await generations.drop(old)
    wanted = str(await runtime.models.fingerprint())
    known = await generations.generations()
    choice = choose(known, wanted)
    for left_over in choice.drop:
        await generations.drop(left_over)
    used = choice.use
    if used is None:
        used = await make_generation(runtime, wanted)
        if not known:
            await generations.promote(used.generation)
    if choice.is_agreed:
        await generations.unpin(used.generation)
    is_new = not used.is_live or not known
    receiving = frozenset(info.generation for info in await generations.generations())
    return Target(used.generation, is_new, receiving, await _overdue(runtime))


async def make_generation(
    runtime: Runtime, wanted: str, *, is_by_hand: bool = False
) -> GenerationInfo:
    """Make a generation with what is configured, `wanted` being its fingerprint."""
    model = runtime.settings.embedding.model
    dim = (await runtime.models.info(model)).dim
    return await runtime.store.generations.create(
        fingerprint=wanted, model=model, dim=dim, is_by_hand=is_by_hand
    )


async def _overdue(runtime: Runtime) -> frozenset[SourceName]:
    generations = runtime.store.generations
    overdue: set[SourceName] = set()
    for info in await generations.generations():
        statuses = await generations.statuses(info.generation)
        overdue |= {status.source for status in statuses if status.overdue}
    return frozenset(overdue)


async def prepare_generation(runtime: Runtime, target: Target) -> None:
    """Index the vectors of a generation that has been loaded. Idempotent. Raises: GenerationGone."""
    generations, probe = runtime.store.generations, PostgresProbe(runtime.store.database)
    known = await generations.generations()
    if any(info.generation == target.generation and info.is_live for info in known):
        await generations.build_vector_index(target.generation)
    else:  # changes go on flowing into it meanwhile
        await probe.build_vector_index(target.generation)
    if target.is_new:
        await generations.tune(target.generation)


async def promote_generation(runtime: Runtime, target: Target) -> str:
    """Answer from a generation if it has all that the live one has. Idempotent. Raises: GenerationGone.

    Returns: what it lacks, in a line for a person; "" when it is live, or a person has pinned the live one meanwhile.
    """
    lacking = await runtime.store.generations.promote(target.generation)
    if not lacking:
        return ""
    pages = ", ".join(f"{count} pages of {name}" for name, count in sorted(lacking.items()))
    return f"the new index lacks {pages}: questions are answered from the old one until these sources are indexed too"


async def recall_of(runtime: Runtime, generation: Generation) -> float | None:
    """How much of what an exact search finds the approximate index finds; None where there is nothing to find."""
    return await PostgresProbe(runtime.store.database).recall(generation)


async def warn_of_recall(runtime: Runtime, target: Target, say: Say) -> None:
    """Tell before a switch that the approximate index of the new generation misses too much."""
    known = await runtime.store.generations.generations()
    if any(info.generation == target.generation and info.is_live for info in known):
        return
    recall = await recall_of(runtime, target.generation)
    if recall is not None and recall < MIN_RECALL:
        say(
            f"the vector index of generation {target.generation} finds {recall:.2f} of what an exact search finds:"
            " see the runbook on recall"
        )
