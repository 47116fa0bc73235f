"""Does a learned ranker pay: trained on generated and template questions, weighed out of fold on two corpora."""

import asyncio
from collections.abc import Mapping, Sequence

from bench.corpus import DEV_QUESTIONS, SYNTHETIC_QUESTIONS, require_data
from bench.lab import indexed_docs, template_questions
from bench.ranker_features import GROUPS, Floats, features_of, pages_of
from bench.ranker_learning import (
    LEARNERS,
    SHRINKAGES,
    Asked,
    Learn,
    choose_shrinkage,
    columns_without,
    gains,
    out_of_fold,
    places,
)
from bench.record import machine, write_result
from bench.second_corpus import indexed_second_corpus
from bench.sizes import size
from eval.core.retrieval import Question, page_of
from eval.handlers import read_questions
from headwater.runtime import Runtime
from index.core.rank import QueryTerms
from index.core.terms import terms_of

NAME = "ranker"
GENERATED, TEMPLATES, SECOND, WRITTEN = "generated", "templates", "second", "written"
_TRAIN = (GENERATED, TEMPLATES, SECOND)
_TRAININGS = {
    "ray": (GENERATED, TEMPLATES),
    "second": (SECOND,),
    "templates": (TEMPLATES, SECOND),
}
"""A part of the questions to learn from: those of one corpus, to be asked about the other, or the templates alone."""
_COUNT = 1_000


def run() -> None:
    """Index both corpora, keep in memory what search brings for every question, then train and weigh."""
    require_data()
    started = machine()
    write_result(NAME, weigh([*asyncio.run(_ray()), *asyncio.run(_second())]), started)


def weigh(asked: Sequence[Asked]) -> Mapping[str, object]:
    """Every learner beside the plain fusion: as it would ship, by what it learned from, and with parts left out.

    The shrinkage is chosen on the training questions of other folds, but in `by_shrinkage`.
    """
    kinds = [kind for kind in (*_TRAIN, WRITTEN) if any(one.kind == kind for one in asked)]
    return {
        "questions": {kind: sum(one.kind == kind for one in asked) for kind in kinds},
        "brought": {kind: _brought(asked, kind) for kind in kinds},
        **{name: _weigh(asked, learn, kinds) for name, learn in LEARNERS.items()},
    }


def _weigh(asked: Sequence[Asked], learn: Learn, kinds: Sequence[str]) -> Mapping[str, object]:
    def scored(train: Sequence[str], left_out: str | None = None) -> list[Floats]:
        return out_of_fold(asked, train, columns_without(left_out), learn)

    def figures(train: Sequence[str], scores: Sequence[Floats]) -> Mapping[str, object]:
        found, chosen = choose_shrinkage(asked, scores, train)
        return {"shrinkage": chosen, **{kind: gains(asked, found, kind) for kind in kinds}}

    scores = scored(_TRAIN)
    return {
        "all": figures(_TRAIN, scores),
        "by_shrinkage": {
            one: {kind: gains(asked, places(asked, scores, one), kind) for kind in kinds}
            for one in SHRINKAGES[1:]
        },
        "trained_on": {
            label: figures(train, scored(train))
            for label, train in _TRAININGS.items()
            if set(train) & set(kinds)
        },
        "without": {group: figures(_TRAIN, scored(_TRAIN, group)) for group in GROUPS},
    }


def _brought(asked: Sequence[Asked], kind: str) -> float:
    """How often the labelled page is among the candidates at all: no ranker does better."""
    labels = [one.label is not None for one in asked if one.kind == kind]
    return round(sum(labels) / len(labels), 4)


async def _ray() -> list[Asked]:
    given = {
        GENERATED: read_questions(SYNTHETIC_QUESTIONS),
        WRITTEN: read_questions(DEV_QUESTIONS),
    }
    async with indexed_docs() as runtime:
        return await _collect(
            runtime, {**given, TEMPLATES: await template_questions(runtime, _COUNT)}
        )


async def _second() -> list[Asked]:
    async with indexed_second_corpus() as runtime:
        if runtime is None:
            return []
        return await _collect(runtime, {SECOND: await template_questions(runtime, _COUNT)})


async def _collect(runtime: Runtime, sets: Mapping[str, Sequence[Question]]) -> list[Asked]:
    return [
        await _asked(runtime, kind, question)
        for kind, questions in sets.items()
        for question in questions[: size(_COUNT, 50)]
    ]


async def _asked(runtime: Runtime, kind: str, question: Question) -> Asked:
    vector = await runtime.searcher.embed_query(question.question)
    found = await runtime.store.search.candidates(
        vector=vector,
        terms=QueryTerms(tuple(dict.fromkeys(terms_of(question.question)))),
        sources=None,
        limit=runtime.searcher.candidates,
    )
    assert found is not None  # nothing is switched while this runs
    pages = pages_of(question.question, found.chunks)
    urls = [page[0].candidate.url for page in pages]
    page = page_of(question.source)
    label = urls.index(page) if page in urls else None
    return Asked(kind, page, features_of(question.question, pages), label)
