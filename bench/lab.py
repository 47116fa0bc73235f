"""The index that retrieval and refusals are measured on, and a store that remembers what it found for a question."""

import os
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import Path

from bench.corpus import BUNDLE, source_toml, unpack_api_pages, workspace
from bench.sizes import kept_home
from eval.core.paired import Gain
from eval.core.retrieval import Question
from eval.handlers import synthesize_questions
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, live, open_runtime
from headwater.settings import load_settings
from index.adapters.postgres.search import PostgresSearch
from index.core.ports import QueryVector
from index.core.rank import Around, Candidate, Candidates, ChunkKey, QueryTerms, RankWeights
from index.handlers import Searcher
from schemas.ids import Generation, SourceName

_API_URL = "https://docs.ray.io/en/master/{path}"
_SEED = 7


@asynccontextmanager
async def indexed_docs() -> AsyncIterator[Runtime]:
    """The documentation at `eval` and the API pages, indexed; in the kept home, where one is given, only once."""

    def toml_of(folder: Path) -> str:
        api = unpack_api_pages(folder)
        return source_toml(name="ray", kind="git", location=BUNDLE, ref="eval") + source_toml(
            name="api", kind="folder", location=api, url=_API_URL
        )

    async with indexed_apart("", toml_of) as runtime:
        assert runtime is not None  # the data is here, see `require_data`
        yield runtime


@asynccontextmanager
async def indexed_apart(
    name: str, toml_of: Callable[[Path], str | None]
) -> AsyncIterator[Runtime | None]:
    """An index of its own, in the folder `name` of the kept home, where one is given, and there made only once.

    `toml_of` puts what is indexed into a folder and gives the sources; None, where it cannot be had, gives None.
    """
    with ExitStack() as stack:
        kept = kept_home()
        folder = kept / name if kept is not None else stack.enter_context(workspace())
        folder.mkdir(parents=True, exist_ok=True)
        configuration = folder / "headwater.toml"
        if not configuration.exists():
            sources = toml_of(folder)
            if sources is None:
                yield None
                return
            configuration.write_text(sources, "utf-8")
        settings = load_settings(None, os.environ, folder=folder)
        async with open_runtime(settings, say) as runtime:
            _, troubles = await index_all(runtime, SyncProgress(None))
            if troubles:
                raise troubles[0]
            yield runtime


async def template_questions(
    runtime: Runtime, count: int, sources: Sequence[SourceName] | None = None
) -> list[Question]:
    """At most so many questions made from what is indexed of some sources, or of all, the same each time."""
    generations = runtime.store.generations
    generation = live(await generations.generations()).generation
    if sources is None:
        sources = [status.source for status in await generations.statuses(generation)]
    dump = partial(generations.dump, generation)
    return await synthesize_questions(sources, dump=dump, count=count, seed=_SEED)


@dataclass(slots=True)
class Recorded:
    """`SearchStore` that reads each question once for each set of field weights, so that variants only rank anew.

    Holds what was found for one question at a time: ask each question of all variants before the next one.
    """

    runtime: Runtime
    vector: QueryVector | None = None
    without: str | None = None
    """The URL of a page that is not to be found."""
    question: str | None = None
    found: dict[RankWeights, Candidates | None] = field(default_factory=dict)

    def searcher(self, weights: RankWeights, *, is_apart: bool = False) -> Searcher:
        """The searcher of answers with other weights; `is_apart` has it take each chunk for a page of its own."""
        return replace(
            self.runtime.searcher,
            store=_Weighed(self, weights, is_apart=is_apart),
            embed_query=self.embed,
            weights=weights,
        )

    async def embed(self, question: str) -> QueryVector:
        """Embed a question once."""
        if question != self.question or self.vector is None:
            self.question, self.found = question, {}
            self.vector = await self.runtime.searcher.embed_query(question)
        return self.vector


@dataclass(frozen=True, slots=True)
class _Weighed:
    recorded: Recorded
    weights: RankWeights
    is_apart: bool

    async def candidates(
        self,
        *,
        vector: QueryVector | None,
        terms: QueryTerms,
        sources: Sequence[SourceName] | None,
        limit: int,
        paths: Sequence[str] = (),
    ) -> Candidates | None:
        weighed, plain = self.weights, RankWeights()
        fields = replace(
            plain,
            k1=weighed.k1,
            b=weighed.b,
            title=weighed.title,
            heading=weighed.heading,
            path=weighed.path,
            body=weighed.body,
        )
        found = self.recorded.found
        if fields not in found:
            store = PostgresSearch(self.recorded.runtime.store.database, weights=fields)
            found[fields] = await store.candidates(
                vector=vector, terms=terms, sources=sources, limit=limit, paths=paths
            )
        candidates = found[fields]
        if candidates is None:
            return None
        chunks = [one for one in candidates.chunks if one.url != self.recorded.without]
        candidates = replace(candidates, chunks=tuple(chunks))
        return _apart(candidates) if self.is_apart else candidates

    async def around(
        self, generation: Generation, chunks: Sequence[Candidate]
    ) -> Mapping[ChunkKey, Around]:
        own = [_together(chunk.key) if self.is_apart else chunk.key for chunk in chunks]
        store = self.recorded.runtime.store.search
        found = await store.around(
            generation,
            [replace(chunk, key=key) for chunk, key in zip(chunks, own, strict=True)],
        )
        return {
            chunk.key: found[key] for chunk, key in zip(chunks, own, strict=True) if key in found
        }


def _apart(found: Candidates) -> Candidates:
    chunks = tuple(
        replace(chunk, key=replace(chunk.key, path=f"{chunk.key.path}#{chunk.key.ordinal}"))
        for chunk in found.chunks
    )
    return replace(found, chunks=chunks)


def _together(key: ChunkKey) -> ChunkKey:
    return replace(key, path=key.path.removesuffix(f"#{key.ordinal}"))


def shown_gain(gain: Gain) -> dict[str, object]:
    """A paired gain for people to read."""
    return asdict(gain) | {
        "gain": round(gain.gain, 4),
        "interval": [round(bound, 4) for bound in gain.interval],
    }


def question_file(name: str) -> Path:
    """A file of questions of the benchmarks' own."""
    return Path(__file__).resolve().parent / "questions" / name
