"""Looks at an index while it is being written, and says what no reader may ever see."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
import psycopg

from tests.support.author import canaries_in

_LOG = """
CREATE SCHEMA witness;
CREATE TABLE witness.applied (
    number bigint GENERATED ALWAYS AS IDENTITY,
    generation int,
    source_id int,
    path text,
    revision bigint
);
CREATE FUNCTION witness.note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO witness.applied (generation, source_id, path, revision)
    VALUES (NEW.generation, NEW.source_id, NEW.path, NEW.revision);
    RETURN NULL;
END $$;
CREATE TRIGGER note AFTER INSERT OR UPDATE ON page_state FOR EACH ROW EXECUTE FUNCTION witness.note();
"""
_BACKWARDS = """
SELECT path, before, revision
  FROM (SELECT path, revision, lag(revision) OVER (PARTITION BY generation, source_id, path ORDER BY number) AS before
          FROM witness.applied) AS steps
 WHERE before >= revision
"""


def note_applied(database: str) -> None:
    """Have the database itself note every version of a page that is committed, in the order of the commits."""
    with psycopg.connect(database) as connection:
        connection.execute(_LOG)


def applied(database: str) -> list[tuple[str, int]]:
    """Every version of a page that was committed since `note_applied`, in order."""
    with psycopg.connect(database) as connection:
        query = "SELECT path, revision FROM witness.applied ORDER BY number"
        return connection.execute(query).fetchall()


def applied_wrongly(database: str) -> list[tuple[Any, ...]]:
    """Versions that were committed after the same or a newer one: path, the earlier revision, the later one."""
    with psycopg.connect(database) as connection:
        return connection.execute(_BACKWARDS).fetchall()


@dataclass(slots=True)
class Watch:
    """Takes snapshots of a database whose pages come from an `Author`; `violations` says what was wrong in them."""

    database: str
    violations: list[str] = field(default_factory=list)
    looks: int = 0
    seen: dict[tuple[str, int], frozenset[str]] = field(default_factory=dict)
    _newest: dict[str, int] = field(default_factory=dict)
    _accepted: set[tuple[str, int]] = field(default_factory=set)

    def look(self) -> bool:
        """Look at everything once. Returns: whether the database answered."""
        try:
            with psycopg.connect(self.database, connect_timeout=2) as connection:
                connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
                states = connection.execute(
                    "SELECT path, revision, is_deleted FROM page_state WHERE generation = 1"
                ).fetchall()
                chunks = connection.execute("SELECT path, text FROM chunk_g1").fetchall()
                rows = connection.execute("SELECT path, revision FROM publication").fetchall()
        except psycopg.OperationalError:
            return False
        self.looks += 1
        accepted = set(rows)
        self._note(self._accepted - accepted, "was accepted and is on record no more")
        self._accepted = accepted
        self._note({(path, at) for path, at, _ in states} - accepted, "was never accepted")
        self._look_at_pages(states, chunks)
        return True

    def _look_at_pages(
        self, states: list[tuple[str, int, bool]], chunks: list[tuple[str, str]]
    ) -> None:
        texts: dict[str, str] = {}
        for path, text in chunks:
            texts[path] = f"{texts.get(path, '')} {text}"
        for path, revision, is_deleted in states:
            versions = frozenset(canaries_in(texts.pop(path, "")))
            if len(versions) != (0 if is_deleted else 1):
                self.violations.append(f"{path} at {revision} shows {sorted(versions)}")
            if self.seen.setdefault((path, revision), versions) != versions:
                self.violations.append(f"{path} at {revision} has two contents")
            if revision < self._newest.get(path, 0):
                self.violations.append(f"{path} went back to {revision}")
            self._newest[path] = revision
        self._note(set(texts), "has rows and no state")

    def _note(self, what: set[Any], is_wrong: str) -> None:
        self.violations += [f"{one} {is_wrong}" for one in sorted(what)]


@dataclass(slots=True)
class Reader:
    """Asks a serving process as its users do; `violations` says which page was not wholly of one version."""

    ask: httpx.Client
    must_answer: bool = False
    violations: list[str] = field(default_factory=list)
    answers: int = 0
    refusals: int = 0

    def read(self) -> None:
        """Find pages, then read one of them whole."""
        try:
            found = self.ask.post("/search", json={"question": "the word", "k": 20}, timeout=20)
            if not self._is_answer(found):
                return
            pages: dict[str, set[str]] = {}
            for hit in found.json()["hits"]:
                pages.setdefault(hit["url"], set()).update(canaries_in(hit["text"]))
            self._check(pages)
            url = sorted(pages)[self.answers % len(pages)] if pages else ""
            whole = self.ask.get("/pages", params={"url": url}, timeout=20)
            if whole.status_code != httpx.codes.NOT_FOUND and self._is_answer(whole):
                text = " ".join(section["text"] for section in whole.json()["sections"])
                self._check({url: canaries_in(text)})
        except httpx.HTTPError as error:
            self._refused(type(error).__name__)

    def _check(self, pages: dict[str, set[str]]) -> None:
        wrong = {url: versions for url, versions in pages.items() if len(versions) != 1}
        self.violations += [f"{url} was read as {sorted(wrong[url])}" for url in wrong]

    def _is_answer(self, response: httpx.Response) -> bool:
        if response.is_success:
            self.answers += 1
            return True
        self._refused(str(response.status_code))
        return False

    def _refused(self, why: str) -> None:
        self.refusals += 1
        if self.must_answer or why == str(int(httpx.codes.INTERNAL_SERVER_ERROR)):
            self.violations.append(f"a reader was told {why}")


@contextmanager
def again_and_again(look: Callable[[], object], *, every_s: float = 0.1) -> Iterator[None]:
    """Look beside the block, in a thread of its own. Raises: what looking raised, at the end."""
    is_over = threading.Event()
    failures: list[BaseException] = []

    def go_on() -> None:
        while not is_over.wait(every_s):
            try:
                look()
            except BaseException as failure:
                failures.append(failure)
                return

    thread = threading.Thread(target=go_on, daemon=True)
    thread.start()
    try:
        yield
    finally:
        is_over.set()
        thread.join(timeout=60)
    with contextlib.suppress(IndexError):
        raise failures[0]
