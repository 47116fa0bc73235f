"""A database that goes away while the program serves: it says so, parks nothing, and goes on by itself."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from index.adapters.postgres.server import EmbeddedServer, discard
from tests.integration.embedded_homes import is_running, server_pid
from tests.support.program import FAKE, Program, Serving, a_program, poll
from tests.support.repository import Repository, page
from tests.support.warm import Warm

CONFIG = """
[[source]]
name = "docs"
location = "docs"
poll_s = 0.2
webhook_secret_env = "DOCS_SECRET"
"""
SECRET = "between-us"


def docs_in(folder: Path) -> Repository:
    docs = Repository(folder / "docs")
    docs.write("a.md", page("A", "The first words."))
    docs.commit()
    return docs


@dataclass(slots=True)
class Elsewhere:
    """A Postgres that is not the program's own, which a test may stop and start."""

    home: Path
    server: EmbeddedServer

    def stop(self) -> None:
        self.server.close()

    def start(self) -> None:
        self.server = EmbeddedServer.start(self.home, lambda line: None)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Elsewhere]:
    server = EmbeddedServer.start(tmp_path / "elsewhere", lambda line: None)
    place = Elsewhere(tmp_path / "elsewhere", server)
    yield place
    place.stop()
    discard(place.home)


def test_while_a_real_server_is_away_requests_get_503_and_then_all_goes_on(
    tmp_path: Path, elsewhere: Elsewhere, warm: Warm
) -> None:
    docs = docs_in(tmp_path)
    env = {"HEADWATER_DATABASE_URL": elsewhere.server.address.conninfo, "DOCS_SECRET": SECRET}
    program = Program(tmp_path, FAKE, warm, env)
    program.configure(CONFIG)
    with program.up() as serving:
        serving.ready()
        elsewhere.stop()
        docs.write("a.md", page("A", "The second words."))
        docs.commit()
        poll(lambda: serving.client.get("/readyz").status_code == 503, "not ready")
        readiness = serving.client.get("/readyz").json()
        with ThreadPoolExecutor() as pool:  # each waits some seconds for a connection
            asked = [
                pool.submit(serving.client.post, route, json={"question": "words"})
                for route in ("/search", "/query")
            ]
            push = serving.push("docs", secret=SECRET)
            search, query = (request.result() for request in asked)
        is_alive = serving.client.get("/healthz").status_code == 200

        elsewhere.start()
        serving.ready()
        poll(lambda: "second words" in serving.texts("words"), "what was committed meanwhile")
        parked = program.done("status")["sources"][0]["parked"]
        status = serving.end()

    assert (search.status_code, query.status_code, push) == (503, 503, 503)
    assert search.headers["retry-after"].isdigit()
    assert search.headers["content-type"] == "application/problem+json"
    assert readiness["parts"]["database"] != "ok"
    assert is_alive
    assert (parked, status) == ({}, 0)
    assert "Traceback" not in serving.said


def test_its_own_server_is_started_again_when_it_was_killed(tmp_path: Path, warm: Warm) -> None:
    docs = docs_in(tmp_path)
    with a_program(tmp_path, warm=warm, main=FAKE, env={"DOCS_SECRET": SECRET}) as program:
        program.configure(CONFIG)
        with program.up() as serving:
            serving.ready()
            killed = server_pid(program.home)
            os.kill(killed, signal.SIGKILL)
            docs.write("a.md", page("A", "The second words."))
            docs.commit()
            seen: set[int] = set()
            poll(lambda: _runs_anew(program, killed, serving, seen), "another server")
            serving.ready()
            poll(lambda: "second words" in serving.texts("words"), "what was committed meanwhile")
            serving.ready()
            parked = program.done("status")["sources"][0]["parked"]
            status = serving.end()

        assert (parked, status) == ({}, 0)
        assert seen <= {200, 503}
        assert not is_running(program.home)


def test_an_index_whose_own_server_is_killed_starts_it_again_and_ends_whole(
    tmp_path: Path, warm: Warm
) -> None:
    docs = docs_in(tmp_path)
    for number in range(40):
        docs.write(f"page{number}.md", page(f"Page {number}", f"Words of page {number}."))
    docs.commit()
    journal = tmp_path / "journal"
    main = (*FAKE, "--journal", str(journal), "--embed-s", "0.1")
    with a_program(tmp_path, warm=warm, main=main) as program, ThreadPoolExecutor() as pool:
        program.configure(CONFIG.replace("webhook", "# webhook"))
        indexing = pool.submit(program.run, "index")
        poll(lambda: journal.exists() and "committed" in journal.read_text(), "half an index")
        os.kill(server_pid(program.home), signal.SIGKILL)
        ran = indexing.result(timeout=150)
        (source,) = program.done("status")["sources"]

    assert (ran.status, source["pages"], source["parked"]) == (0, 41, {}), ran.err


def test_an_outage_in_the_middle_of_a_sync_parks_nothing(
    tmp_path: Path, elsewhere: Elsewhere, warm: Warm
) -> None:
    docs = docs_in(tmp_path)
    env = {"HEADWATER_DATABASE_URL": elsewhere.server.address.conninfo, "DOCS_SECRET": SECRET}
    program = Program(tmp_path, (*FAKE, "--embed-s", "0.05"), warm, env)
    program.configure(CONFIG)
    with program.up() as serving:
        serving.ready()
        before = serving.metric("headwater_texts_embedded_total")
        for number in range(100):
            docs.write(f"page{number}.md", page(f"Page {number}", f"Words of page {number}."))
        docs.commit()
        poll(lambda: serving.metric("headwater_texts_embedded_total") > before, "half a sync")
        elsewhere.stop()
        poll(lambda: serving.client.get("/readyz").status_code == 503, "not ready")
        elsewhere.start()
        serving.ready()
        poll(lambda: program.done("status")["sources"][0]["pages"] == 101, "all pages")
        (source,) = program.done("status")["sources"]
        serving.end()

    assert (source["parked"], source["behind"]) == ({}, 0)
    assert program.run("verify").status == 0


def test_a_source_in_trouble_holds_up_no_other_and_comes_back_by_itself(
    tmp_path: Path, database: str, warm: Warm
) -> None:
    docs = docs_in(tmp_path)
    program = Program(
        tmp_path, FAKE, warm, {"HEADWATER_DATABASE_URL": database, "DOCS_SECRET": SECRET}
    )
    program.configure(CONFIG + CONFIG.replace('"docs"\nl', '"later"\nref = "later"\nl'))
    with program.up() as serving:
        poll(lambda: "later" in serving.client.get("/readyz").json().get("detail", ""))
        poll(lambda: "first words" in serving.texts("words"), "the other source")
        docs.git("branch", "later")
        serving.ready()
        sources = {hit["source"] for hit in serving.search("words")["hits"]}
        serving.end()

    assert sources == {"docs", "later"}


def _runs_anew(program: Program, killed: int, serving: Serving, seen: set[int]) -> bool:
    seen.add(serving.client.post("/search", json={"question": "words"}).status_code)
    return is_running(program.home) and server_pid(program.home) != killed


def test_an_index_beside_a_server_tells_what_keeps_that_from_looking(
    tmp_path: Path, database: str, warm: Warm
) -> None:
    """As the command alone would, with the status of a part that is away."""
    program = Program(tmp_path, FAKE, warm, {"HEADWATER_DATABASE_URL": database})
    program.configure('[[source]]\nname = "docs"\nlocation = "http://127.0.0.1:1/none.git"\n')
    with program.up():
        ran = program.run("index")

    assert "127.0.0.1" in ran.complaint
    assert ran.status == 3
