"""Answers without a language model: whole sentences of the docs, each cited, or a refusal."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from urllib.parse import quote

from api.core.evidence import evidence, found_for
from api.core.headings import headings_shown
from api.core.markdown import (
    code_markdown,
    item_markdown,
    prose_markdown,
    table_markdown,
    with_code_spans,
)
from api.core.passage import Passage, passage_of
from api.core.phrases import phrases_in
from api.core.segments import Kind
from api.core.select import MAX_HITS, Pick, pick_pinned, pick_segments
from schemas.answers import Citation, Hit
from schemas.languages import Language

_LEFT_OUT = " … "
_ANCHOR_SAFE = "!$&*+,-./:;=?@_~%"


@dataclass(frozen=True, slots=True)
class Quoted:
    """An answer in Markdown, a refusal without citations; `score` weighs its evidence, 0 to 1."""

    answer: str
    citations: tuple[Citation, ...]
    refused: bool
    score: float


@dataclass(frozen=True, slots=True)
class Wording:
    """How refusals are worded: in which language, and with which address to go to ("" for none)."""

    language: Language = Language.AUTO
    fallback_url: str = ""


_PLAIN = Wording()


def compose_answer(
    question: str,
    hits: Sequence[Hit],
    *,
    threshold: float,
    max_sentences: int,
    max_chars: int,
    numbered: Mapping[str, int] | None = None,
    wording: Wording = _PLAIN,
) -> Quoted:
    """Quote what answers `question` from `hits` (best first), or refuse below `threshold`.

    A pinned answer, which comes first where there is one, is quoted alone and as a whole.

    Every sentence, item, row and block of code is whole, and a marker `[n]` follows it, where n is the
    number of its section in `citations`, counted from 1 in the order of the hits; sections that are
    `numbered` by their address already keep their number. The heading of a section stands before its
    quotes where it says what they do not. Markup of the quoted text is shown, not
    obeyed: the answer holds no HTML, link or image.
    """
    read = hits[:MAX_HITS]
    is_pinned = bool(read) and read[0].pinned
    found = found_for(question, read)
    passages = [passage_of(hit) for hit in read]
    picks = (
        pick_pinned(passages[0])
        if is_pinned
        else pick_segments(found, passages, max_sentences=max_sentences, max_chars=max_chars)
    )
    quoted = _quoted_terms(passages, picks)
    score = 1.0 if is_pinned else evidence(found, quoted)
    if not picks or score < threshold:
        return refuse(hits, score, wording)
    by_hit = {rank: list(group) for rank, group in groupby(picks, key=lambda pick: pick.rank)}
    by_section: dict[str, list[int]] = {}
    for rank in by_hit:
        by_section.setdefault(address_of(hits[rank]), []).append(rank)
    numbers = _numbers(by_section, numbered or {})
    shown = {} if is_pinned else headings_shown(found, quoted)
    answer = "\n\n".join(
        block
        for rank in by_hit
        for block in (
            *_heading(numbers[rank], shown.get(rank)),
            *_blocks(numbers[rank], by_hit[rank], passages[rank]),
        )
    )
    citations = tuple(
        _citation(
            numbers[ranks[0]],
            hits[ranks[0]],
            [_quote(passages[rank].text, by_hit[rank]) for rank in ranks],
        )
        for ranks in by_section.values()
    )
    return Quoted(answer, citations, False, score)


def refuse(hits: Sequence[Hit], score: float, wording: Wording = _PLAIN) -> Quoted:
    """Say that the docs do not answer, with what was found nevertheless, and where else to ask."""
    phrases = phrases_in(wording.language)
    said = [phrases.no_answer, *([phrases.nearest] if hits else [])]
    return Quoted(" ".join([*said, *_elsewhere(wording)]), (), True, score)


def refuse_topic(topic: str, wording: Wording = _PLAIN) -> Quoted:
    """Say that questions about `topic` are not answered, and where else to ask."""
    said = phrases_in(wording.language).topic.format(topic=prose_markdown(topic))
    return Quoted(" ".join([said, *_elsewhere(wording)]), (), True, 0.0)


def _elsewhere(wording: Wording) -> list[str]:
    if not wording.fallback_url:
        return []
    return [phrases_in(wording.language).ask_at.format(link=f"<{wording.fallback_url}>")]


def address_of(hit: Hit) -> str:
    """Where a reader finds the section of a hit; nothing in the anchor can end a link early."""
    return f"{hit.url}#{quote(hit.anchor, safe=_ANCHOR_SAFE)}" if hit.anchor else hit.url


def nearest_addresses(hits: Sequence[Hit], *, most: int = 3) -> list[str]:
    """The best section of each of the first pages, best first."""
    nearest: dict[str, str] = {}
    for hit in hits:
        nearest.setdefault(hit.url, address_of(hit))
    return list(nearest.values())[:most]


def _numbers(by_section: Mapping[str, list[int]], known: Mapping[str, int]) -> dict[int, int]:
    """The number of each rank's section."""
    free = itertools.count(max(known.values(), default=0) + 1)
    return {
        rank: number
        for url, ranks in by_section.items()
        for number in [known[url] if url in known else next(free)]
        for rank in ranks
    }


def _quoted_terms(passages: Sequence[Passage], picks: Sequence[Pick]) -> dict[int, frozenset[str]]:
    indices: dict[int, list[int]] = {}
    for pick in picks:
        indices.setdefault(pick.rank, []).append(pick.index)
    return {rank: passages[rank].terms_at(quoted) for rank, quoted in indices.items()}


def _heading(n: int, heading: str | None) -> Iterator[str]:
    if heading:
        yield f"**{prose_markdown(heading)}** [{n}]"


def _blocks(n: int, picks: Sequence[Pick], passage: Passage) -> Iterator[str]:
    for kind, group in groupby(picks, key=_block_kind):
        segments = list(group)
        texts = [
            pick.segment.text
            if kind is Kind.CODE
            else with_code_spans(pick.segment.text, passage.code_in(pick.segment))
            for pick in segments
        ]
        if kind is Kind.CODE:
            yield from (f"{code_markdown(text)}\n\n[{n}]" for text in texts)
        elif kind is Kind.ITEM:
            yield "\n".join(f"{item_markdown(text)} [{n}]" for text in texts)
        elif kind is Kind.ROW:
            heads = [at for at, pick in enumerate(segments) if pick.segment.kind is Kind.HEAD]
            tables = (texts[start:end] for start, end in pairwise([*heads, len(texts)]))
            yield from (f"{table_markdown(lines)}\n\n[{n}]" for lines in tables)
        else:
            yield " ".join(f"{prose_markdown(text)} [{n}]" for text in texts)


def _block_kind(pick: Pick) -> Kind:
    """A table is one block, head and rows."""
    return Kind.ROW if pick.segment.kind is Kind.HEAD else pick.segment.kind


def _citation(n: int, hit: Hit, quotes: Sequence[str]) -> Citation:
    return Citation(
        n=n,
        url=address_of(hit),
        title=hit.title,
        section=hit.section,
        quote=_LEFT_OUT.join(quotes),
        commit=hit.commit,
        committed_at=hit.committed_at,
    )


def _quote(text: str, picks: Sequence[Pick]) -> str:
    """The picked text to the letter: what stands side by side stays together."""
    pieces: list[tuple[int, int]] = []
    last = None
    for pick in picks:
        if last is not None and pick.index == last + 1:
            pieces[-1] = (pieces[-1][0], pick.segment.end)
        else:
            pieces.append((pick.segment.start, pick.segment.end))
        last = pick.index
    return _LEFT_OUT.join(text[start:end] for start, end in pieces)
