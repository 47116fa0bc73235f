"""Docs that stand there in two versions: what leaving repeats out does for them, on Ray's and on Clang's."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from api.handlers import packing_of
from bench.corpus import BUNDLE, SYNTHETIC_QUESTIONS, require_data, source_toml
from bench.lab import Recorded, indexed_apart, shown_gain, template_questions
from bench.record import machine, write_result
from bench.second_corpus import fetch_package
from bench.sizes import size
from eval.core.context import shown_of
from eval.core.paired import Shown, paired_gain
from eval.core.retrieval import Question, page_of
from eval.handlers import read_questions
from headwater.runtime import Runtime
from index.core.globs import Globs
from index.core.steering import PathWeight, Steering
from index.handlers import Within, search_index
from schemas.ids import SourceName

NAME = "versions"
_K = 7
_COUNT = 1_000
_SHIPPED, _KEPT, _WEIGHED = "shipped", "repeats kept", "the other version weighs less"
_LESS = 0.95
_RAY_REFS = {"eval": "https://docs.ray.io/en/master/", "main": "https://docs.ray.io/en/later/"}
_CLANG = {
    "clang-14": "https://releases.llvm.org/14.0.0/tools/clang/docs/",
    "clang-16": "https://releases.llvm.org/16.0.0/tools/clang/docs/",
}
_LISTS = ("genindex.html", "index.html", "search.html")


@dataclass(frozen=True, slots=True)
class _Docs:
    """An index of two versions, each a source below an address of its own, the one that is asked about first."""

    runtime: Runtime
    bases: Mapping[str, str]

    @property
    def weighed(self) -> Steering:
        """What a docs team may configure, so that of two alike the version asked about is shown."""
        other = SourceName(list(self.bases)[1])
        return Steering((PathWeight(Globs(["**"]), _LESS, other),))

    def page(self, url: str) -> str:
        """A page whatever its version."""
        for base in self.bases.values():
            url = url.removeprefix(base)
        return page_of(url)


def run() -> None:
    """Index each of both docs in two versions, then ask with repeats and without."""
    require_data()
    started = machine()
    figures = {"k": _K, "ray": asyncio.run(_ray()), "clang": asyncio.run(_clang())}
    write_result(NAME, figures, started)


async def _ray() -> dict[str, object]:
    """The generated questions whose page is there in both versions."""
    async with _indexed_ray() as docs:
        questions = read_questions(SYNTHETIC_QUESTIONS)
        return await _score(docs, questions[: size(len(questions), 40)])


async def _clang() -> dict[str, object] | None:
    """Questions made from the newer version."""
    async with _indexed_clang() as docs:
        if docs is None:
            return None
        newer = [SourceName("clang-16")]
        count = size(_COUNT, 40)
        return await _score(docs, await template_questions(docs.runtime, count, newer))


@asynccontextmanager
async def _indexed_ray() -> AsyncIterator[_Docs]:
    def toml_of(_folder: Path) -> str:
        return "".join(
            source_toml(name=ref, kind="git", location=BUNDLE, ref=ref, url=f"{base}{{stem}}.html")
            for ref, base in _RAY_REFS.items()
        )

    async with indexed_apart("versions-ray", toml_of) as runtime:
        assert runtime is not None
        yield _Docs(runtime, _RAY_REFS)


@asynccontextmanager
async def _indexed_clang() -> AsyncIterator[_Docs | None]:
    def toml_of(folder: Path) -> str | None:
        sources = ""
        for name, base in _CLANG.items():
            package = fetch_package(f"{name}-doc", folder)
            if package is None:
                return None
            pages = package / "usr/share/doc" / name / "html"
            for page in _LISTS:
                (pages / page).unlink(missing_ok=True)
            sources += source_toml(name=name, kind="folder", location=pages, url=f"{base}{{path}}")
        return sources

    async with indexed_apart("versions-clang", toml_of) as runtime:
        yield None if runtime is None else _Docs(runtime, dict(reversed(_CLANG.items())))


async def _score(docs: _Docs, questions: Sequence[Question]) -> dict[str, object]:
    both = [one for one in questions if await _is_in_both(docs, page_of(one.source))]
    shipped = docs.runtime.searcher.weights
    variants = {_SHIPPED: shipped, _KEPT: replace(shipped, alike=2.0), _WEIGHED: shipped}
    recorded = Recorded(docs.runtime)
    packing = packing_of(_K, docs.runtime.settings.answer)
    found: dict[str, list[tuple[Shown, ...]]] = {name: [] for name in variants}
    for one in both:
        for name, weights in variants.items():
            searcher = recorded.searcher(weights)
            if name == _WEIGHED:
                searcher = replace(searcher, steering=docs.weighed)
            hits = await search_index(one.question, k=_K, within=Within(), searcher=searcher)
            found[name].append(shown_of(hits.hits, packing))
    measures = {name: _measures(docs, shown, both) for name, shown in found.items()}
    pages = [page_of(one.source) for one in both]
    return {
        "n": len(both),
        "variants": {
            name: {measure: round(float(np.mean(values)), 4) for measure, values in of.items()}
            for name, of in measures.items()
        },
        "less_repeats_kept": {
            name: {
                measure: shown_gain(paired_gain(values, measures[_KEPT][measure], pages))
                for measure, values in measures[name].items()
            }
            for name in (_SHIPPED, _WEIGHED)
        },
    }


async def _is_in_both(docs: _Docs, url: str) -> bool:
    asked, *_ = docs.bases.values()
    urls = [base + url.removeprefix(asked) for base in docs.bases.values()]
    return all([await docs.runtime.store.search.page_at(one) is not None for one in urls])


def _measures(
    docs: _Docs, found: Sequence[Sequence[Shown]], questions: Sequence[Question]
) -> dict[str, list[float]]:
    """Of each question: whether its page is shown in either version, and in its own; how many pages and characters."""
    pages = [[docs.page(one.url) for one in shown] for shown in found]
    labels = [docs.page(one.source) for one in questions]
    own = [page_of(one.source) for one in questions]
    return {
        "score": [float(label in of) for label, of in zip(labels, pages, strict=True)],
        "score_of_the_version": [
            float(any(one.url == url for one in shown))
            for url, shown in zip(own, found, strict=True)
        ],
        "distinct_pages": [float(len(set(of))) for of in pages],
        "context_chars": [float(sum(one.chars for one in shown)) for shown in found],
    }
