"""Replay of a year of commits through the chain with two workers, against the same replay on one machine.

The first commit, then each later one by webhook, each until it is searchable. The canonical dump of the end has to
equal that of one machine, whose texts are counted with an embedder that costs nothing: how texts are told apart does
not depend on vectors. `--commits N` replays at most N later commits.
"""

import asyncio
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.chain import Chain, Process, a_chain, clients, until_published
from bench.changes import HOOKED
from bench.corpus import clone_history, commits, git, require_data, source_toml, workspace
from bench.record import machine, spread, write_result
from bench.sizes import commit_limit
from headwater import models
from headwater.console import say
from headwater.generations import choose_generation
from headwater.indexing import ignore, open_source, sync_until_complete
from headwater.runtime import consuming, open_runtime, utc_now
from headwater.settings import load_settings
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.models import find_model
from index.adapters.postgres.database import Database
from index.adapters.postgres.generations import PostgresGenerations
from index.core.stored import DumpedPage
from ingest.handlers.sync import Syncer
from schemas.ids import Generation, SourceName

NAME = "cluster_replay"
_NAME = SourceName("ray")
_REF = "refs/heads/replayed"
_SAID_EVERY = 100

_Dump = Mapping[str, DumpedPage]


@dataclass(frozen=True, slots=True)
class _Count:
    """Texts of the first commit, and of all later ones."""

    first: int
    later: int


def run() -> None:
    """The chain first, then one machine."""
    require_data()
    started = machine()
    with workspace() as folder:
        repository = clone_history(folder, at="main")
        limit = commit_limit()
        order = commits(repository, "main")[: None if limit is None else limit + 1]
        git(repository, "update-ref", _REF, order[0])
        config = _config(repository)
        (folder / "headwater.toml").write_text(config, "utf-8")
        with a_chain(folder, config, ray=True) as chain:
            embedded, seconds, verified = _through_chain(chain, repository, order)
            dump = asyncio.run(_dump(chain.database))
        git(repository, "update-ref", _REF, order[0])
        distinct, expected = asyncio.run(_on_one_machine(folder, repository, order))
    differing = _differing(dump, expected)
    if not expected or not distinct.first:
        raise SystemExit("nothing was indexed on one machine")
    write_result(
        NAME,
        {
            "commits": len(order),
            "pages": len(expected),
            "pages_that_differ": differing,
            "verify_ok": verified,
            "first_texts_embedded": embedded.first,
            "first_texts_distinct": distinct.first,
            "later_texts_embedded": embedded.later,
            "later_texts_distinct": distinct.later,
            "later_embedded_over_distinct": round(embedded.later / max(1, distinct.later), 4),
            "bound_embedded_over_distinct": 1.01,
            "commit_s": spread(seconds),
            "wall_s": round(sum(seconds), 1),
        },
        started,
    )
    if differing or not verified:
        raise SystemExit("what the chain has is not what one machine has")


def _config(repository: Path) -> str:
    return source_toml(name=_NAME, kind="git", location=repository, ref="replayed", extra=HOOKED)


def _differing(one: _Dump, other: _Dump) -> list[str]:
    """Paths of pages that are not the same in both."""
    return sorted(path for path in one.keys() | other if one.get(path) != other.get(path))


def _through_chain(
    chain: Chain, repository: Path, order: Sequence[str]
) -> tuple[_Count, list[float], bool]:
    workers = chain.start_all("worker", 2)
    serve, ingest = chain.start("serve"), chain.start("ingest")
    until_published(chain, _NAME, order[0])
    first = _embedded(workers)
    seconds = []
    with clients(serve, ingest) as server:
        for number, commit in enumerate(order[1:], 1):
            git(repository, "update-ref", _REF, commit)
            sent_s = server.push(_NAME)
            seconds.append(until_published(chain, _NAME, commit, within_s=300) - sent_s)
            if number % _SAID_EVERY == 0:
                say(f"{number} commits, {sum(seconds):.0f} s")
        as_of = server.search("ray", k=1)["as_of"]
    if not isinstance(as_of, dict) or as_of[_NAME]["commit"] != order[-1]:
        raise SystemExit(f"the last commit is not answered from: {as_of}")
    verified = '"ok": true' in chain.cluster.run("verify", "--json")
    return _Count(first, _embedded(workers) - first), seconds, verified


def _embedded(workers: Sequence[Process]) -> int:
    return int(sum(worker.metric("headwater_texts_embedded_total") for worker in workers))


async def _on_one_machine(
    folder: Path, repository: Path, order: Sequence[str]
) -> tuple[_Count, _Dump]:
    vars(models)["prepare_embedder"] = _prepare
    settings = load_settings(None, {**os.environ, "BENCH_SECRET": "unused"}, folder=folder)
    start_s, first = time.perf_counter(), 0
    async with open_runtime(settings, say) as runtime:
        await choose_generation(runtime)
        async with (
            consuming(runtime, ignore),
            open_source(settings.source[0], folder, runtime.examine) as source,
        ):
            for number, commit in enumerate(order):
                git(repository, "update-ref", _REF, commit)
                syncer = Syncer(runtime.store.ledger, runtime.transport.publish, utc_now)
                await sync_until_complete(source, syncer)
                first = first if number else await _vectors(runtime.store.database)
            distinct = await _vectors(runtime.store.database)
            dump = await runtime.store.generations.dump(Generation(1), _NAME)
    say(f"one machine: {time.perf_counter() - start_s:.0f} s")
    return _Count(first, distinct - first), dump


async def _prepare(model: str, *, cache_dir: Path, **_: object) -> HashedEmbedder:
    found = find_model(model, cache_dir=cache_dir)
    if found is None:
        raise SystemExit(f"{model} is not bundled")
    embedder = HashedEmbedder(found.dim)
    embedder.model = found
    return embedder


async def _vectors(database: Database) -> int:
    """How many distinct texts were ever embedded: none is collected within a week."""
    async with database.transaction() as cursor:
        await cursor.execute("SELECT count(*) FROM vector_g1")
        row = await cursor.fetchone()
    return int(row[0]) if row else 0


async def _dump(conninfo: str) -> _Dump:
    database = Database(conninfo)
    await database.open()
    try:
        return await PostgresGenerations(database).dump(Generation(1), _NAME)
    finally:
        await database.close()
