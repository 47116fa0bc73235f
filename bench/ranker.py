"""Does a learned ranker pay: trained on generated and template questions, weighed out of fold on two corpora."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from bench.corpus import (
    BUNDLE,
    DEV_QUESTIONS,
    SYNTHETIC_QUESTIONS,
    require_data,
    source_toml,
    unpack_api_pages,
    workspace,
)
from bench.ranker_features import GROUPS, features_of, pages_of
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
from bench.second_corpus import fetch_second_corpus, second_source_toml
from bench.sizes import size
from eval.core.retrieval import Question, page_of
from eval.handlers import read_questions, synthesize_questions
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, live, open_runtime
from headwater.settings import load_settings
from index.core.rank import QueryTerms, RankWeights
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
_SEED = 7
_WEIGHTS = RankWeights()


def run() -> None:
    """Index both corpora, keep in memory what search brings for every question, then train and weigh."""
    require_data()
    started = machine()
    asked = [*_ray(), *_second()]
    write_result(NAME, weigh(asked), started)


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
    def figures(train: Sequence[str], left_out: str | None = None) -> Mapping[str, object]:
        scores = out_of_fold(asked, train, columns_without(left_out), learn)
        found, chosen = choose_shrinkage(asked, scores, train)
        return {"shrinkage": chosen, **{kind: gains(asked, found, kind) for kind in kinds}}

    scores = out_of_fold(asked, _TRAIN, columns_without(None), learn)
    return {
        "all": figures(_TRAIN),
        "by_shrinkage": {
            one: {kind: gains(asked, places(asked, scores, one), kind) for kind in kinds}
            for one in SHRINKAGES[1:]
        },
        "trained_on": {
            label: figures(train) for label, train in _TRAININGS.items() if set(train) & set(kinds)
        },
        "without": {group: figures(_TRAIN, group) for group in GROUPS},
    }


def _brought(asked: Sequence[Asked], kind: str) -> float:
    """How often the labelled page is among the candidates at all: no ranker does better."""
    labels = [one.label is not None for one in asked if one.kind == kind]
    return round(sum(labels) / len(labels), 4)


def _ray() -> list[Asked]:
    with workspace() as folder:
        api = unpack_api_pages(folder)
        toml = source_toml(name="ray", kind="git", location=BUNDLE, ref="eval") + source_toml(
            name="api", kind="folder", location=api, url="https://docs.ray.io/en/master/{path}"
        )
        given = {
            GENERATED: read_questions(SYNTHETIC_QUESTIONS),
            WRITTEN: read_questions(DEV_QUESTIONS),
        }
        return asyncio.run(collect(folder, toml, TEMPLATES, given))


def _second() -> list[Asked]:
    with workspace() as folder:
        location = fetch_second_corpus(folder)
        if location is None:
            return []
        return asyncio.run(collect(folder, second_source_toml(location), SECOND, {}))


async def collect(
    folder: Path, toml: str, templates: str, given: Mapping[str, Sequence[Question]]
) -> list[Asked]:
    """What search brings for the given questions and for template questions of the same corpus."""
    (folder / "headwater.toml").write_text(toml, "utf-8")
    async with open_runtime(load_settings(None, os.environ, folder=folder), say) as runtime:
        _, troubles = await index_all(runtime, SyncProgress(None))
        if troubles:
            raise troubles[0]
        sets = {**given, templates: await _templates(runtime)}
        return [
            await _asked(runtime, kind, question)
            for kind, questions in sets.items()
            for question in questions[: size(_COUNT, 50)]
        ]


async def _templates(runtime: Runtime) -> list[Question]:
    generations = runtime.store.generations
    generation = live(await generations.generations()).generation
    sources = [status.source for status in await generations.statuses(generation)]
    dump = partial(generations.dump, generation)
    return await synthesize_questions(sources, dump=dump, count=_COUNT, seed=_SEED)


async def _asked(runtime: Runtime, kind: str, question: Question) -> Asked:
    vector = await runtime.searcher.embed_query(question.question)
    found = await runtime.store.search.candidates(
        vector=vector,
        terms=QueryTerms(tuple(dict.fromkeys(terms_of(question.question)))),
        sources=None,
        limit=runtime.searcher.candidates,
    )
    assert found is not None  # nothing is switched while this runs
    pages = pages_of(found.chunks, _WEIGHTS)
    urls = [chunks[0][1].url for _, chunks in pages]
    page = page_of(question.source)
    label = urls.index(page) if page in urls else None
    return Asked(kind, page, features_of(question.question, pages), label)
