"""Retrieval on the written and the generated questions: shipped, against parts left out; and refusals."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
import numpy as np

from api.handlers import quote_hits
from api.settings import AnswerSettings
from bench.corpus import (
    BUNDLE,
    DEV_QUESTIONS,
    ROOT,
    SYNTHETIC_QUESTIONS,
    require_data,
    source_toml,
    unpack_api_pages,
    workspace,
)
from bench.record import machine, write_result
from eval.core.retrieval import Question, page_of, wilson
from eval.handlers import read_questions
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, open_runtime
from headwater.settings import load_settings
from index.adapters.postgres.search import PostgresSearch
from index.core.rank import Candidate, QueryTerms, Ranked, RankWeights, rank_page_first
from index.core.terms import terms_of

NAME = "retrieval"
_K = 7
_OFF_DOMAIN = ROOT / "bench" / "questions" / "off-domain.jsonl"
_SHIPPED = RankWeights()
_RESAMPLES = 10_000
_SEED = 7


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to rank: `fields` weights need their own lexical query, the others only rank anew."""

    name: str
    weights: RankWeights
    is_page_first: bool = True


VARIANTS = (
    Variant("shipped", _SHIPPED),
    Variant("vectors alone", replace(_SHIPPED, lexical=0.0, page=0.0)),
    Variant("BM25 alone", replace(_SHIPPED, lexical=1_000.0, page=0.0)),
    Variant("no second chunks in a page's score", replace(_SHIPPED, page=0.0)),
    Variant("best chunks instead of best pages", _SHIPPED, is_page_first=False),
    Variant("vectors alone, best chunks", replace(_SHIPPED, lexical=0.0), is_page_first=False),
    Variant("body terms alone", replace(_SHIPPED, title=0.0, heading=0.0, path=0.0)),
    Variant("no path terms", replace(_SHIPPED, path=0.0)),
)
_Found = list[tuple[str, int]]
"""Page URL and characters of each chunk, best first."""


def run() -> None:
    """Index the documentation at `eval` and the API pages, then ask everything."""
    require_data()
    started = machine()
    with workspace() as folder:
        api = unpack_api_pages(folder)
        (folder / "headwater.toml").write_text(
            source_toml(name="ray", kind="git", location=BUNDLE, ref="eval")
            + source_toml(
                name="api", kind="folder", location=api, url="https://docs.ray.io/en/master/{path}"
            ),
            "utf-8",
        )
        figures = asyncio.run(_measure(folder))
    write_result(NAME, figures, started)


async def _measure(folder: Path) -> dict[str, object]:
    settings = load_settings(None, os.environ, folder=folder)
    figures: dict[str, object] = {"k": _K}
    async with open_runtime(settings, say) as runtime:
        _, troubles = await index_all(runtime, SyncProgress(None))
        if troubles:
            raise troubles[0]
        for label, file in (("written", DEV_QUESTIONS), ("generated", SYNTHETIC_QUESTIONS)):
            figures[label] = await _score(runtime, read_questions(file))
        figures["refusals"] = await _refusals(runtime, settings.answer)
    return figures


async def _score(runtime: Runtime, questions: Sequence[Question]) -> dict[str, object]:
    found: dict[str, list[_Found]] = {variant.name: [] for variant in VARIANTS}
    covered = 0
    for question in questions:
        by_weights: dict[RankWeights, tuple[Candidate, ...]] = {}
        for variant in VARIANTS:
            fields = replace(
                _SHIPPED,
                title=variant.weights.title,
                heading=variant.weights.heading,
                path=variant.weights.path,
            )
            if fields not in by_weights:
                by_weights[fields] = await _candidates(runtime, question.question, fields)
            found[variant.name].append(_rank(by_weights[fields], variant))
        covered += await runtime.store.search.page_at(page_of(question.source)) is not None
    labels = [page_of(question.source) for question in questions]
    return {
        "n": len(questions),
        "covered": round(covered / len(questions), 4),
        "variants": {name: _summary(lists, labels) for name, lists in found.items()},
        "gain_over_vectors_alone_same_pages_and_characters": _gain(
            found["shipped"], found["vectors alone"], labels
        ),
    }


async def _candidates(
    runtime: Runtime, question: str, fields: RankWeights
) -> tuple[Candidate, ...]:
    vector = await runtime.searcher.embed_query(question)
    terms = QueryTerms(tuple(dict.fromkeys(terms_of(question))))
    search = PostgresSearch(runtime.store.database, weights=fields)
    limit = runtime.searcher.candidates
    found = await search.candidates(vector=vector, terms=terms, sources=None, limit=limit)
    assert found is not None  # nothing is switched while this runs
    return found.chunks


def _rank(candidates: Sequence[Candidate], variant: Variant) -> _Found:
    if variant.is_page_first:
        ranked = rank_page_first(candidates, k=_K, weights=variant.weights)
    else:
        ranked = _best_chunks(candidates, variant.weights)
    return [(entry.candidate.url, len(entry.candidate.text)) for entry in ranked]


def _best_chunks(candidates: Sequence[Candidate], weights: RankWeights) -> list[Ranked]:
    """Each chunk a page of its own: the same fusion without the pages."""
    apart = [
        replace(
            candidate,
            key=replace(candidate.key, path=f"{candidate.key.path}#{candidate.key.ordinal}"),
        )
        for candidate in candidates
    ]
    return rank_page_first(apart, k=_K, weights=replace(weights, page=0.0))


def _summary(lists: Sequence[_Found], labels: Sequence[str]) -> dict[str, object]:
    hits = [label in {url for url, _ in found} for found, label in zip(lists, labels, strict=True)]
    low, high = wilson(sum(hits), len(hits))
    return {
        "score": round(sum(hits) / len(hits), 4),
        "interval": [round(low, 4), round(high, 4)],
        "distinct_pages": round(
            float(np.mean([len({url for url, _ in found}) for found in lists])), 2
        ),
        "context_chars": round(
            float(np.mean([sum(chars for _, chars in found) for found in lists]))
        ),
    }


def _gain(
    ours: Sequence[_Found], theirs: Sequence[_Found], labels: Sequence[str]
) -> dict[str, object]:
    """The paired difference when both may show only as many pages and characters as the smaller of the two."""
    differences = []
    for mine, other, label in zip(ours, theirs, labels, strict=True):
        pages = min(len({url for url, _ in mine}), len({url for url, _ in other}))
        chars = min(sum(size for _, size in mine), sum(size for _, size in other))
        differences.append(
            int(label in _cut(mine, pages, chars)) - int(label in _cut(other, pages, chars))
        )
    values = np.array(differences, dtype=np.float64)
    resampled = np.random.default_rng(_SEED).choice(values, (_RESAMPLES, len(values))).mean(axis=1)
    return {
        "gain": round(float(values.mean()), 4),
        "interval": [round(float(np.quantile(resampled, share)), 4) for share in (0.025, 0.975)],
        "better": int((values > 0).sum()),
        "worse": int((values < 0).sum()),
    }


def _cut(found: _Found, pages: int, chars: int) -> set[str]:
    kept: set[str] = set()
    spent = 0
    for url, size in found:
        spent += size
        if spent > chars or len(kept | {url}) > pages:
            break
        kept.add(url)
    return kept


async def _refusals(runtime: Runtime, settings: AnswerSettings) -> Mapping[str, object]:
    shares = {}
    for label, file in (
        ("off_domain", _OFF_DOMAIN),
        ("written", DEV_QUESTIONS),
        ("generated", SYNTHETIC_QUESTIONS),
    ):
        questions = [line["question"] for line in _lines(file)]
        refused = [
            quote_hits(
                question, (await runtime.search(question, k=_K, sources=None)).hits, settings
            ).refused
            for question in questions
        ]
        shares[label] = round(sum(refused) / len(refused), 4)
    return {"threshold": settings.refuse_below, "refused": shares}


def _lines(file: Path) -> list[dict[str, str]]:
    decoder = msgspec.json.Decoder(dict[str, str])
    return [decoder.decode(line) for line in file.read_text("utf-8").split("\n") if line]
