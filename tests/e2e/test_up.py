"""`headwater up` as its users and their forges meet it, with the real embedding model."""

import json
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import httpx
import psycopg
import pytest

from index.adapters.postgres.server_place import read_record
from tests.integration.embedded_homes import is_running
from tests.support.program import FAKE, Program, Serving, a_program, poll
from tests.support.repository import Repository, page
from tests.support.warm import Warm

SECRET = "between-us"
CONFIG = """
[[source]]
name = "guide"
location = "guide"
url = "https://guide.example/{stem}.html"
poll_s = 3600
webhook_secret_env = "GUIDE_SECRET"

[[source]]
name = "notes"
kind = "folder"
location = "notes"
url = "https://notes.example/{stem}.html"
poll_s = 3600
"""


@dataclass(frozen=True, slots=True)
class Site:
    """A server that follows a repository and a folder, neither of them by polling."""

    program: Program
    serving: Serving
    guide: Repository
    notes: Path

    def push(self) -> int:
        """Commit everything, and tell the server as GitHub does."""
        self.guide.commit()
        return self.serving.push("guide", secret=SECRET)

    def deliveries(self) -> set[str]:
        record = read_record(self.program.home)
        assert record is not None
        sockets = f"host={record.sockets} user=headwater password={record.password}"
        with psycopg.connect(f"{sockets} dbname=headwater") as connection:
            return {row[0] for row in connection.execute("SELECT delivery_id FROM delivery")}


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, warm: Warm) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("site")
    guide, notes = Repository(folder / "guide"), folder / "notes"
    for number in range(1, 6):
        guide.write(f"page{number}.md", page(f"Page {number}", f"Fact {number} is a number."))
    guide.write("retries.md", page("Retries", "A task is tried three times.", "Then it fails."))
    guide.commit()
    notes.mkdir()
    (notes / "todo.md").write_text(page("Todo", "Buy milk on Monday."), "utf-8")
    with a_program(folder, warm=warm, env={"GUIDE_SECRET": SECRET}) as program:
        program.configure(CONFIG)
        with program.up() as serving:
            yield Site(program, serving.ready(), guide, notes)


def test_a_question_is_answered_with_its_sources(site: Site) -> None:
    response = site.serving.client.post("/query", json={"question": "How often is a task tried?"})
    answer = response.json()

    assert response.status_code == 200
    assert "three times" in answer["answer"]
    assert answer["sources"][0].startswith("https://guide.example/retries.html")
    assert answer["as_of"]["guide"]["commit"] == site.guide.git("rev-parse", "HEAD")
    assert response.headers["x-request-id"] == answer["request_id"]


def test_after_a_push_the_new_text_is_found_and_the_old_is_gone(site: Site) -> None:
    site.guide.write("page1.md", page("Page 1", "Fact one is now a legend."))
    before = site.serving.metric("headwater_texts_embedded_total")

    status = site.push()

    assert status == 202
    poll(lambda: "now a legend" in site.serving.texts("fact one legend"), "the new text")
    assert "Fact 1 is a number." not in site.serving.texts("fact 1 is a number")
    assert site.serving.metric("headwater_texts_embedded_total") - before == 1


def test_after_a_push_a_deleted_page_is_gone(site: Site) -> None:
    site.guide.remove("page2.md")

    site.push()

    url = "https://guide.example/page2.html"
    poll(lambda: site.serving.client.get("/pages", params={"url": url}).status_code == 404)
    assert "Fact 2 is a number." not in site.serving.texts("fact 2 is a number")


def test_a_push_that_is_sent_twice_is_stored_once(site: Site) -> None:
    first = site.serving.push("guide", secret=SECRET, delivery="sent-twice")
    second = site.serving.push("guide", secret=SECRET, delivery="sent-twice")

    assert (first, second) == (202, 202)
    assert "sent-twice" in site.deliveries()


@pytest.mark.parametrize("secret", ["another-secret", ""])
def test_a_push_with_a_wrong_signature_is_refused_and_not_stored(site: Site, secret: str) -> None:
    before = site.deliveries()

    status = site.serving.push("guide", secret=secret, delivery="wrong")

    assert status == 401
    assert site.deliveries() == before


def test_a_push_for_a_source_without_a_secret_is_not_found(site: Site) -> None:
    assert site.serving.push("notes", secret=SECRET) == 404
    assert site.serving.push("nobody", secret=SECRET) == 404


def test_bodies_over_the_cap_are_refused(site: Site) -> None:
    question = {"question": "x" * 2**21}

    assert site.serving.client.post("/query", json=question).status_code == 413
    assert site.serving.push("guide", secret=SECRET, body=b" " * (26 * 2**20)) == 413


def test_a_foreign_host_name_is_refused(site: Site) -> None:
    response = site.serving.client.get("/healthz", headers={"Host": "evil.example"})

    assert response.status_code == 421


def test_a_saved_file_is_found_and_a_deleted_one_gone(site: Site) -> None:
    (site.notes / "idea.md").write_text(page("Idea", "Paint the shed purple."), "utf-8")
    poll(lambda: "purple" in site.serving.texts("what colour is the shed"), "the saved file")

    (site.notes / "idea.md").write_text(page("Idea", "Paint the shed orange."), "utf-8")
    poll(lambda: "orange" in site.serving.texts("what colour is the shed"), "the second save")
    old = site.serving.texts("what colour is the shed")
    (site.notes / "idea.md").unlink()
    poll(lambda: "orange" not in site.serving.texts("what colour is the shed"), "the deletion")

    assert "purple" not in old


def test_a_file_saved_by_renaming_over_it_is_found(site: Site) -> None:
    draft = site.notes / ".todo.md.swp"
    draft.write_text(page("Todo", "Buy bread on Friday."), "utf-8")

    draft.rename(site.notes / "todo.md")

    poll(lambda: "Buy bread" in site.serving.texts("what to buy"), "the renamed file")


def test_a_page_is_shown_with_its_sections(site: Site) -> None:
    url = "https://guide.example/retries.html"

    shown = site.serving.client.get("/pages", params={"url": url}).json()

    assert (shown["title"], shown["source"], shown["path"]) == ("Retries", "guide", "retries.md")
    assert [section["anchor"] for section in shown["sections"]][-1] == "retries-part-2"


def test_health_readiness_metrics_and_the_schema_are_served(site: Site) -> None:
    client = site.serving.client

    assert client.get("/healthz").json() == {"live": True}
    assert client.get("/readyz").json()["ready"]
    assert 'headwater_behind_pages{source="guide"} 0.0' in client.get("/metrics").text
    assert "/query" in client.get("/schema").json()["paths"]


def test_processing_times_are_measured(site: Site) -> None:
    site.guide.write("page3.md", page("Page 3", "Fact three is measured."))

    site.push()

    poll(lambda: "measured" in site.serving.texts("fact three measured"), "the new text")
    name = 'headwater_processing_seconds_count{kind="changed",source="guide"}'
    poll(lambda: site.serving.metric(name) >= 1, "a measurement")


HOSTILE = [
    "' OR 1=1; DROP TABLE page_state; --",
    "foo & | ! ( ) : * <-> \\ \" '",
    '"unclosed phrase AND (NOT',
    "%s %(question)s {chunk} $1 ${x}",
    "\\u0000 \\x00 \\",
    "(" * 5_000,
    "\u202e\u200b\ufeff reversed",
    "\U0001f600" * 300,
    "a" * 3_000,
    "word " * 600,
]


@pytest.mark.parametrize("route", ["/query", "/search"])
@pytest.mark.parametrize(
    "question",
    ["", " ", "\x00", "a\x00b", "\ud800", "x" * 200_000, *HOSTILE],
    ids=lambda question: repr(question[:20]),
)
def test_no_question_is_an_error_of_ours(site: Site, route: str, question: str) -> None:
    body = json.dumps({"question": question}).encode()
    response = site.serving.client.post(
        route, content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code in ((200,) if question in HOSTILE[:5] else (200, 400))


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b'{"question": 7}', b"\xff", b"{}"])
def test_a_body_that_is_no_request_is_refused(site: Site, body: bytes) -> None:
    response = site.serving.client.post(
        "/query", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"


def test_nothing_listens_but_on_loopback(site: Site) -> None:
    listening = _listening(site.serving.pid)

    assert {address for address, _ in listening} == {"0100007F"}
    assert len(listening) == 1


def test_commands_run_beside_the_server(site: Site) -> None:
    status = site.program.done("status")
    shown = site.program.run("status").out
    repair = site.program.run("verify", "--repair")
    found = site.program.done("search", "how often is a task tried")
    verified = site.program.run("verify", "--json")

    assert {source["source"] for source in status["sources"]} == {"guide", "notes"}
    assert status["followed"]
    assert shown.count("a process follows it") == 2
    assert (repair.status, repair.out.count("equal to a rebuild")) == (0, 2)
    assert "three times" in found["hits"][0]["text"]
    assert verified.status == 0, verified


def test_a_question_that_waits_for_a_commit_has_it_looked_for(site: Site) -> None:
    site.guide.write("page5.md", page("Page 5", "Fact five came by a question."))
    commit = site.guide.commit()
    asked = {"question": "fact five", "min_commit": {"guide": commit[:12]}}

    response = site.serving.client.post("/search", json=asked)

    assert response.status_code == 200, response.text
    assert response.json()["as_of"]["guide"]["commit"] == commit
    assert "came by a question" in "".join(hit["text"] for hit in response.json()["hits"])


def test_a_question_in_another_process_has_it_looked_for_too(site: Site) -> None:
    site.guide.write("page5.md", page("Page 5", "Fact five came by a command."))
    commit = site.guide.commit()

    found = site.program.done("search", "fact five", "--min-commit", f"guide={commit[:12]}")

    assert found["as_of"]["guide"]["commit"] == commit


def test_however_many_questions_wait_a_source_is_looked_at_seldom(site: Site) -> None:
    looked = 'headwater_syncs_total{outcome="unchanged",source="guide"}'
    before = site.serving.metric(looked)

    def ask(_: int) -> int:
        wanted = {"question": "fact?", "min_commit": {"guide": "badcafe1"}}
        url = f"{site.serving.base}/search"
        return httpx.post(url, json=wanted, timeout=60).status_code

    with ThreadPoolExecutor(max_workers=30) as crowd:
        statuses = list(crowd.map(ask, range(30)))

    assert set(statuses) == {409}
    assert 1 <= site.serving.metric(looked) - before <= 5  # in 10 s and a little, one in 3


def test_an_index_beside_the_server_asks_it_to_look_and_reports(site: Site) -> None:
    site.guide.write("page4.md", page("Page 4", "Fact four came by an index command."))
    commit = site.guide.commit()

    ran = site.program.run("index", "--json")

    assert ran.status == 0, ran
    guide, notes = ran.json
    assert (guide["source"], guide["commit"], guide["pages"]["changed"]) == ("guide", commit, 1)
    assert (guide["texts_embedded"], notes["pages"]["changed"]) == (None, 0)
    assert "another process follows" in ran.err
    assert "came by an index command" in site.serving.texts("fact four")


def test_a_port_in_use_is_told_in_one_line(site: Site, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        ran = site.program.run("up", "--port", str(port))

    assert str(port) in ran.complaint
    assert ran.status == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_with_status_0_and_stops_its_database(
    tmp_path: Path, warm: Warm, number: int
) -> None:
    docs = Repository(tmp_path / "docs")
    docs.write("a.md", page("A", "Words."))
    docs.commit()
    with a_program(tmp_path, warm=warm) as program, program.up("docs") as serving:
        serving.ready()

        status = serving.end(number)

        assert status == 0
        assert not is_running(program.home)
        assert "Traceback" not in serving.said


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_before_it_answers_too(tmp_path: Path, warm: Warm, number: int) -> None:
    (tmp_path / "docs").mkdir()
    with a_program(tmp_path, main=FAKE, warm=warm) as program, program.starting("docs") as serving:
        poll(lambda: "Preparing the database" in serving.said, "the database's preparation")

        status = serving.end(number)

        assert status == 0
        assert not is_running(program.home)
        assert "answering" not in serving.said
        assert "Traceback" not in serving.said


def _listening(pid: int) -> set[tuple[str, str]]:
    """The TCP addresses a process listens on, as the kernel writes them."""
    sockets = set()
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            sockets.add(entry.readlink().name)
        except OSError:
            continue
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/{pid}/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A" and f"socket:[{fields[9]}]" in sockets:
                address, port = fields[1].split(":")
                found.add((address, port))
    return found
