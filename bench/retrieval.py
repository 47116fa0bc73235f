"""Retrieval as answers place it in their context, each stage left out: on Ray's docs and on a second corpus."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from api.handlers import packing_of
from bench.corpus import DEV_QUESTIONS, SYNTHETIC_QUESTIONS, require_data
from bench.lab import Recorded, indexed_docs, shown_gain, template_questions
from bench.names import name_figures
from bench.record import machine, write_result
from bench.second_corpus import indexed_second_corpus
from bench.sizes import size
from bench.window import window_figures
from eval.core.context import shown_of
from eval.core.paired import Gain, Shown, cut_alike, paired_gain
from eval.core.retrieval import Question, page_of, rank_of, wilson
from eval.handlers import read_questions
from headwater.runtime import Runtime, live
from index.core.rank import RankWeights
from index.handlers import Within, search_index

NAME = "retrieval"
_K = 7
_TEMPLATES = 1_000

SHIPPED, DENSE = "shipped", "vectors alone"


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to retrieve: what is shipped with a stage left out or done otherwise."""

    name: str
    weights: RankWeights
    neighboured: int
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class _Context:
    """What one question was given: chunks in the order of their rank, neighbours among them, and their sections."""

    shown: tuple[Shown, ...]
    sections: Mapping[str, int]


def variants_of(shipped: RankWeights, neighboured: int) -> list[Variant]:
    """What is shipped first, then each stage by itself left out of it."""
    dense = {"lexical": 0.0, "exact": 0.0}
    terms = {"title": 0.0, "heading": 0.0, "path": 0.0}
    changes: dict[str, dict[str, float]] = {
        DENSE: dense,
        "vectors alone, pages by their best chunk": {**dense, "page": 0.0},
        "terms alone": {"lexical": 1_000.0},
        "pages by their best chunk": {"page": 0.0},
        "terms of the body alone": terms,
        **{f"no terms of the {name}": {name: 0.0} for name in terms},
    }
    return [
        Variant(SHIPPED, shipped, neighboured),
        Variant("best chunks instead of best pages", replace(shipped, page=0.0), neighboured, True),
        Variant("repeats kept", replace(shipped, alike=2.0), neighboured),
        Variant("exact names not counted", replace(shipped, exact=0.0), neighboured),
        *(
            Variant(f"neighbours of the first {n}", shipped, n)
            for n in (0, 1, 3, 7)
            if n != neighboured
        ),
        *(Variant(name, replace(shipped, **one), neighboured) for name, one in changes.items()),  # type: ignore[arg-type]
    ]


def run() -> None:
    """Index the documentation at `eval` and the API pages, then ask everything of every variant; then the other."""
    require_data()
    started = machine()
    figures = asyncio.run(_measure())
    figures["second"] = asyncio.run(_second())
    write_result(NAME, figures, started)


async def _measure() -> dict[str, object]:
    figures: dict[str, object] = {"k": _K}
    async with indexed_docs() as runtime:
        generations = await runtime.store.generations.generations()
        generation = live(generations).generation
        figures["window"] = await window_figures(runtime, generation)
        figures["exact_names"] = await name_figures(runtime, generation)
        for label, file in (("written", DEV_QUESTIONS), ("generated", SYNTHETIC_QUESTIONS)):
            questions = read_questions(file)
            figures[label] = await _score(runtime, questions[: size(len(questions), 20)])
    return figures


async def _second() -> dict[str, object] | None:
    """The same on the second corpus, with questions made from it; None where it cannot be had."""
    async with indexed_second_corpus() as runtime:
        if runtime is None:
            return None
        generation = live(await runtime.store.generations.generations()).generation
        questions = await template_questions(runtime, size(_TEMPLATES, 20))
        return {
            "exact_names": await name_figures(runtime, generation),
            **await _score(runtime, questions),
        }


async def _score(runtime: Runtime, questions: Sequence[Question]) -> dict[str, object]:
    answer = runtime.settings.answer
    variants = variants_of(runtime.searcher.weights, answer.neighbours)
    recorded = Recorded(runtime)
    contexts: dict[str, list[_Context]] = {variant.name: [] for variant in variants}
    covered = 0
    for question in questions:
        for variant in variants:
            contexts[variant.name].append(await _context(question.question, variant, recorded))
        covered += await runtime.store.search.page_at(page_of(question.source)) is not None
    labels = [question.source for question in questions]
    return {
        "n": len(questions),
        "covered": round(covered / len(questions), 4),
        "variants": {name: _summary(found, labels) for name, found in contexts.items()},
        "gain_over_vectors_alone": _gains(contexts[SHIPPED], contexts[DENSE], labels),
        "shipped_less_variant": {
            name: _less(contexts[SHIPPED], found, labels)
            for name, found in contexts.items()
            if name != SHIPPED
        },
    }


async def _context(question: str, variant: Variant, recorded: Recorded) -> _Context:
    """What the answering path places in the context of a question."""
    searcher = recorded.searcher(variant.weights, is_apart=variant.is_apart)
    found = await search_index(question, k=_K, within=Within(), searcher=searcher)
    settings = recorded.runtime.settings.answer
    packing = replace(packing_of(_K, settings), neighboured=variant.neighboured)
    shown = shown_of(found.hits, packing)
    sections: dict[str, int] = {}
    for one in shown:
        sections[one.section] = sections.get(one.section, 0) + one.chars
    return _Context(shown, sections)


def _summary(contexts: Sequence[_Context], labels: Sequence[str]) -> dict[str, object]:
    hits = [int(one) for one in _hits(contexts, labels)]
    low, high = wilson(sum(hits), len(hits))
    sections = _chars(contexts, labels)
    return {
        "score": round(sum(hits) / len(hits), 4),
        "interval": [round(low, 4), round(high, 4)],
        "reciprocal_rank": _mean(_reciprocal_ranks(contexts, labels)),
        "chunks": _mean([len(one.shown) for one in contexts]),
        "distinct_pages": _mean([len({shown.url for shown in one.shown}) for one in contexts]),
        "context_chars": _mean([sum(shown.chars for shown in one.shown) for one in contexts]),
        "labelled_section_found": _mean([one > 0 for one in sections]),
        "labelled_section_chars": _mean(sections),
    }


def _hits(contexts: Sequence[_Context], labels: Sequence[str]) -> list[float]:
    """Whether the labelled page is there."""
    return [float(one > 0) for one in _reciprocal_ranks(contexts, labels)]


def _reciprocal_ranks(contexts: Sequence[_Context], labels: Sequence[str]) -> list[float]:
    """One over the place of the labelled page among the pages, 0 where it is missing."""
    ranks = [
        rank_of(label, [shown.url for shown in one.shown])
        for one, label in zip(contexts, labels, strict=True)
    ]
    return [1 / rank if rank else 0.0 for rank in ranks]


def _chars(contexts: Sequence[_Context], labels: Sequence[str]) -> list[float]:
    """How much of the labelled section's text is there."""
    return [float(one.sections.get(label, 0)) for one, label in zip(contexts, labels, strict=True)]


_MEASURES = {
    "score": _hits,
    "reciprocal_rank": _reciprocal_ranks,
    "labelled_section_chars": _chars,
}


def _less(
    ours: Sequence[_Context], theirs: Sequence[_Context], labels: Sequence[str]
) -> dict[str, object]:
    return {
        name: shown_gain(_paired(of(ours, labels), of(theirs, labels), labels))
        for name, of in _MEASURES.items()
    }


def _paired(ours: Sequence[float], theirs: Sequence[float], labels: Sequence[str]) -> Gain:
    return paired_gain(ours, theirs, [page_of(label) for label in labels])


def _gains(
    ours: Sequence[_Context], theirs: Sequence[_Context], labels: Sequence[str]
) -> dict[str, object]:
    """On the same distinct pages and characters, a chunk at the end counting by half or whole; and uncut."""
    uncut = _paired(_hits(ours, labels), _hits(theirs, labels), labels)
    gains: dict[str, object] = {"uncut": shown_gain(uncut)}
    for name, least in (("cut", 0.5), ("cut_to_whole_chunks", 1.0)):
        cut = [cut_alike(a.shown, b.shown, least=least) for a, b in zip(ours, theirs, strict=True)]
        pages = [page_of(label) for label in labels]
        mine = [int(page in one) for (one, _), page in zip(cut, pages, strict=True)]
        other = [int(page in one) for (_, one), page in zip(cut, pages, strict=True)]
        gains[name] = {
            "ours": _mean(mine),
            "theirs": _mean(other),
            **shown_gain(paired_gain(mine, other, pages)),
        }
    return gains


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 4)
