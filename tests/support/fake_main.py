"""The program with a fast embedder and, on request, a death at a named point; wired here, not in the product.

    python -m tests.support.fake_main [--journal FILE] [--die POINT:WHEN:NUMBER] [--stop POINT:WHEN:NUMBER]
        [--embed-s SECONDS] [--skip-above LAG] [--refuse WORD] [--migration FILE] [--wedge FILE] COMMAND...

`--die apply:after:2` kills the process the hard way right after the second page is applied, `--stop` puts it to sleep
there until it is woken. The journal says which texts were embedded, and which vectors committed, by hash.
`--refuse WORD` is a bug that texts with this word meet. `--migration` stands for one of a later version. As soon as the
file of `--wedge` exists, the client of the broker stops fetching, and goes on saying that it lives.
"""

import argparse
import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from headwater import main as program
from headwater import models, runtime
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.models import ModelInfo, find_model
from index.adapters.postgres import migrate, pages
from index.adapters.postgres.ledger import PostgresLedger
from index.adapters.postgres.pages import PostgresPages
from schemas.ids import Generation, TextHash
from stream.core import records

OTHER = "@other"
"""Ends the name of a model that embeds otherwise than the one before it, into vectors of the same size."""


class Journal:
    """Lines appended to a file as things happen; none is lost when the process is killed."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def note(self, what: str, hashes: Sequence[bytes]) -> None:
        if self._file is None:
            return
        with self._file.open("a", encoding="utf-8") as lines:
            lines.writelines(f"{what} {text_hash.hex()}\n" for text_hash in hashes)


class Fuse:
    """Kills the process at one call of one port, or does to it what another signal does."""

    def __init__(self, point: str, does: int = signal.SIGKILL) -> None:
        self._does = does
        name, when, number = point.split(":") if point else ("", "", "0")
        self._mark = f"{name}:{when}"
        self._left = int(number)

    def reach(self, mark: str) -> None:
        if mark == self._mark:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), self._does)

    def around(
        self, name: str, call: Callable[..., Awaitable[Any]]
    ) -> Callable[..., Awaitable[Any]]:
        async def guarded(*args: Any, **kwargs: Any) -> Any:
            self.reach(f"{name}:before")
            outcome = await call(*args, **kwargs)
            self.reach(f"{name}:after")
            return outcome

        return guarded


class SlowEmbedder(HashedEmbedder):
    """Takes its time with documents, as a real one does."""

    seconds_a_text: float = 0.0

    async def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        await asyncio.sleep(self.seconds_a_text * len(texts))
        return await super().embed_texts(texts)


class JournalledPages(PostgresPages):
    """Notes the vectors that are committed."""

    journal: Journal

    async def add_vectors(
        self, generation: Generation, hashes: Sequence[TextHash], vectors: NDArray[np.float32]
    ) -> None:
        await super().add_vectors(generation, hashes, vectors)
        self.journal.note("committed", hashes)


def main() -> None:
    """Wire, then run the command line as `headwater` does."""
    parser = argparse.ArgumentParser(allow_abbrev=False)  # what follows has options of its own
    parser.add_argument("--journal", type=Path)
    parser.add_argument("--die", default="")
    parser.add_argument("--stop", default="")
    parser.add_argument("--embed-s", type=float, default=0.0)
    parser.add_argument("--skip-above", type=int, default=records.SKIP_ABOVE_LAG)
    parser.add_argument("--migration", type=Path)
    parser.add_argument("--wedge", type=Path)
    parser.add_argument("--refuse", default="", metavar="WORD")
    own, rest = parser.parse_known_args(sys.argv[1:])
    fuse = Fuse(own.stop, signal.SIGSTOP) if own.stop else Fuse(own.die)
    _wire(Journal(own.journal), fuse, embed_s=own.embed_s, refuse=own.refuse)
    vars(records)["SKIP_ABOVE_LAG"] = own.skip_above
    if own.migration:
        known = migrate.migrations()
        added = (len(known) + 1, own.migration.name, own.migration.read_text("utf-8"))
        vars(migrate)["migrations"] = lambda: [*known, added]
    if own.wedge is not None:
        _wedge(own.wedge)
    sys.argv[1:] = rest
    program.main()


def _amid(write: Callable[..., Awaitable[bool]], fuse: Fuse) -> Callable[..., Awaitable[bool]]:
    """Write a page, and reach a mark once the server is at it: what it makes of a writer that is gone is its affair."""

    async def written(*args: Any) -> bool:
        writing = asyncio.ensure_future(write(*args))
        await asyncio.sleep(0)  # the statement is sent as its task first runs
        fuse.reach("write:amid")
        return await writing

    return written


def _wire(journal: Journal, fuse: Fuse, *, embed_s: float, refuse: str) -> None:
    note = _noting(journal, refuse)

    async def prepare(model: str, *, cache_dir: Path, **_: object) -> HashedEmbedder:
        embedder = SlowEmbedder(before=note, salt=model.partition(OTHER)[1])
        embedder.seconds_a_text = embed_s
        found = _found(model, cache_dir=cache_dir)
        if found is None:
            raise SystemExit(f"{model} is not bundled")
        embedder.model = found
        return embedder

    class Pages(JournalledPages):
        pass

    class Ledger(PostgresLedger):
        pass

    Pages.journal = journal
    for name, method in (("vectors", "add_vectors"), ("apply", "apply")):
        _guard(Pages, name, method, fuse)
    for method in ("announce", "finish"):
        _guard(Ledger, method, method, fuse)
    vars(pages)["_write"] = _amid(vars(pages)["_write"], fuse)

    vars(models)["EMBED_FACTORY"] = "tests.support.ray_fakes:counting"
    vars(models)["find_model"] = _found
    vars(models)["prepare_embedder"] = prepare
    vars(runtime)["PostgresPages"] = Pages
    vars(runtime)["PostgresLedger"] = Ledger


def _found(model: str, *, cache_dir: Path) -> ModelInfo | None:
    """A bundled model, and one of another name that has everything of it but its weights."""
    bundled = find_model(model.removesuffix(OTHER), cache_dir=cache_dir)
    if bundled is None:
        return None
    weights = bundled.model_hash if model == bundled.name else sha256(model.encode()).hexdigest()
    return replace(bundled, name=model, model_hash=weights, dim=HashedEmbedder().model.dim)


def _wedge(file: Path) -> None:
    from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread

    plain = AIOKafkaConsumerThread.getmany

    async def getmany(self: Any, *args: Any, **kwargs: Any) -> Any:
        if file.exists():
            await asyncio.Event().wait()
        return await plain(self, *args, **kwargs)

    vars_of_class: Any = AIOKafkaConsumerThread
    vars_of_class.getmany = getmany


def _noting(journal: Journal, refuse: str) -> Callable[[Sequence[str]], None]:
    """Notes what is embedded. Raises: ValueError for texts with the word that is refused."""

    def note(texts: Sequence[str]) -> None:
        if refuse and any(refuse in text for text in texts):
            raise ValueError(f"a bug that {refuse} meets")
        journal.note("embedded", [sha256(text.encode()).digest() for text in texts])

    return note


def _guard(of: type, name: str, method: str, fuse: Fuse) -> None:
    plain = getattr(of, method)
    setattr(of, method, fuse.around(name, plain))


if __name__ == "__main__":
    main()
