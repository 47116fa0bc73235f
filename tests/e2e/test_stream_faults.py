"""A stream that rebalances, loses, repeats, reorders or floods: what was committed to the docs is in the index once."""

import random
import signal
from collections.abc import Iterator, Sequence

import msgspec
import psycopg
import pytest

from headwater.adapters.kafka_topics import apply_topics
from headwater.cluster.broker import LocalBroker
from schemas.errors import BrokerUnavailable
from schemas.events import MAX_PAGE_BYTES
from schemas.ids import PageId
from schemas.wire import encode_event, key_of
from tests.support.author import Author
from tests.support.deployment import Deployed, a_deployment
from tests.support.events import changed
from tests.support.program import Serving, poll
from tests.support.topic import Sent, Topic
from tests.support.warm import Warm
from tests.support.watch import Watch, again_and_again, applied, applied_wrongly, note_applied

_RESEND_AFTER_S = 3
_STORM = 30
_REVISIONS, _FLOODED_ABOVE, _BATCH = 300, 60, 64


@pytest.fixture(scope="module")
def deployed(
    tmp_path_factory: pytest.TempPathFactory, broker: LocalBroker, module_database: str, warm: Warm
) -> Iterator[Deployed]:
    """Intake that runs, nothing else."""
    folder = tmp_path_factory.mktemp("streams")
    env = {"HEADWATER_KAFKA__RESEND_AFTER_S": str(_RESEND_AFTER_S)}
    with a_deployment(folder, broker, module_database, warm, env) as deployed:
        yield deployed


@pytest.fixture(scope="module")
def author(deployed: Deployed) -> Author:
    """Who has written a dozen pages, which are indexed."""
    author = Author(deployed.docs, seed=17)
    author.begin()
    deployed.start("ingest")
    worker = deployed.start("worker")
    deployed.check(set(author.tree.values()))
    note_applied(deployed.database)
    assert worker.end() == 0
    return author


@pytest.fixture
def topic(deployed: Deployed) -> Iterator[Topic]:
    topic = Topic(deployed.broker)
    yield topic
    topic.close()


@pytest.fixture
def worker(deployed: Deployed, author: Author) -> Iterator[Serving]:
    """The one worker, which goes on to its end."""
    worker = deployed.start("worker")
    yield worker
    assert worker.end() == 0


def test_r17_a_storm_of_rebalances_leaves_no_gap_and_takes_no_page_back(
    deployed: Deployed, author: Author, topic: Topic, worker: Serving
) -> None:
    slow = ("--embed-s", "0.01")
    watch = Watch(deployed.database)
    early: list[str] = []

    def is_shared_by(members: int) -> bool:
        early.extend(topic.promised_early(deployed))
        return deployed.members() == members

    def until_shared_by(members: int) -> None:
        poll(lambda: is_shared_by(members), f"{members} members", every_s=0.1)

    with again_and_again(author.act, every_s=0.5), again_and_again(watch.look):
        second, third = deployed.begin("worker", *slow), deployed.begin("worker", *slow)
        until_shared_by(3)
        for sleeper in (second, third):
            sleeper.tell(signal.SIGSTOP)
            until_shared_by(2)
            sleeper.tell(signal.SIGCONT)
            until_shared_by(3)
        third.end(signal.SIGKILL)
        second.tell(signal.SIGTERM)
        until_shared_by(1)
        poll(lambda: len(topic.sent()) > _STORM, "enough events for a storm")

    deployed.check(set(author.tree.values()))
    early.extend(topic.promised_early(deployed))
    assert (early, watch.violations) == ([], [])
    assert applied_wrongly(deployed.database) == []
    assert deployed.parked() == []
    assert watch.looks > 20


@pytest.mark.parametrize("beyond", [0, 1_000])
def test_r18_r19_offsets_ahead_of_what_was_done_are_seen_and_made_up_for(
    deployed: Deployed, author: Author, topic: Topic, beyond: int
) -> None:
    """As a consumer leaves them that acknowledged what it never did, or a topic that was restored from long ago."""
    ingest = deployed.started[0]
    author.edit_all()
    pages = len(author.tree)
    poll(
        lambda: sum(topic.ends().values()) - sum(topic.acknowledged().values()) == pages,
        "everything sent",
    )
    topic.acknowledge({part: end + beyond for part, end in topic.ends().items()})
    early = len(topic.promised_early(deployed))
    behind = deployed.program.done("status")["sources"][0]["behind"]

    worker = deployed.start("worker")
    poll(lambda: "neither applied nor parked" in ingest.client.get("/readyz").text, "an alarm")

    deployed.wait_for(set(author.tree.values()))
    assert early >= pages
    assert behind == pages
    assert deployed.parked() == []
    assert applied_wrongly(deployed.database) == []
    poll(lambda: ingest.client.get("/readyz").status_code == 200, "the end of the alarm")
    assert worker.end() == 0
    topic.acknowledge(topic.ends())


def test_any_order_and_any_repeats_of_a_real_history_give_the_same_index(
    deployed: Deployed, author: Author, topic: Topic
) -> None:
    """Newest first for a start: compaction keeps offsets, not revisions."""
    random_order = random.Random(17)
    history = topic.sent()
    delivered = history * 2
    random_order.shuffle(delivered)
    newest_first = sorted(history, key=lambda sent: -sent.revision)[: len(history) // 2]

    _play(deployed, topic, [*newest_first, *delivered])

    assert applied_wrongly(deployed.database) == []
    deployed.check(set(author.tree.values()))


def test_r19_a_topic_that_is_deleted_and_made_anew_gets_what_is_lacking(
    deployed: Deployed, author: Author, worker: Serving
) -> None:
    doomed = Topic(deployed.broker)
    doomed.make_anew()
    doomed.close()
    author.edit_all()

    poll(lambda: _is_made(deployed), "the topic again", every_s=0.5)

    deployed.wait_for(set(author.tree.values()), within_s=120)
    author.edit_all()
    deployed.check(set(author.tree.values()))
    assert applied_wrongly(deployed.database) == []
    assert deployed.parked() == []


def test_r06_r29_what_is_too_large_is_parked_and_what_is_newer_is_understood(
    deployed: Deployed, author: Author, worker: Serving
) -> None:
    newer = msgspec.msgpack.decode(encode_event(changed("newer.md", 1)))
    page_id = PageId("elsewhere/newer.md")
    newer |= {"page_id": page_id, "a_field_of_tomorrow": {"x": 1}}
    deployed.rows("INSERT INTO source (name, revision) VALUES ('elsewhere', 1) RETURNING name")
    deployed.docs.write("huge.md", "# Huge\n\n" + "word " * (MAX_PAGE_BYTES // 5 + 1))
    author.edit_all()
    deployed.send((key_of(page_id), msgspec.msgpack.encode(newer)))

    deployed.wait_for(set(author.tree.values()))

    states = "SELECT name FROM page_state JOIN source USING (source_id) WHERE path = 'newer.md'"
    poll(lambda: deployed.rows(states) == [("elsewhere",)], "the newer event")
    (path, _, reason) = deployed.parked()[-1]
    assert (path, "MiB" in reason or "bytes" in reason) == ("huge.md", True), reason
    deployed.docs.remove("huge.md")
    author.edit_all()
    deployed.check(set(author.tree.values()))


def test_r37_only_above_the_cap_is_passed_over_what_a_newer_event_replaces(
    deployed: Deployed, author: Author
) -> None:
    def steps(path: str) -> list[int]:
        return [revision for at, revision in applied(deployed.database) if at == path]

    _publish_flood(deployed, "hot.md")
    flood = [_flood_event("hot.md", revision) for revision in range(1, _REVISIONS + 1)]
    deployed.send(*flood)

    worker = deployed.start("worker", "--skip-above", str(_FLOODED_ABOVE))
    poll(lambda: deployed.committed() == deployed.published(), "the flood's end")
    for revision in (1, 2, 3):
        deployed.send(_flood_event("calm.md", revision))
    poll(lambda: len(steps("calm.md")) == 3, "every event of a calm page")

    assert steps("hot.md")[-1] == _REVISIONS
    assert len(steps("hot.md")) <= _FLOODED_ABOVE + 2 * _BATCH < _REVISIONS
    assert worker.end() == 0


def _is_made(deployed: Deployed) -> bool:
    try:
        return apply_topics(deployed.broker, check=False) == []
    except BrokerUnavailable:
        return False


def _play(deployed: Deployed, topic: Topic, records: Sequence[Sent]) -> None:
    """Empty the index, and have one worker make it from these records alone."""
    with psycopg.connect(deployed.database) as connection:
        connection.execute("TRUNCATE page_state, chunk_g1, section_g1, term_g1, witness.applied")
    topic.acknowledge(topic.ends())
    deployed.send(*((sent.key, sent.value) for sent in records))
    worker = deployed.start("worker")
    poll(lambda: deployed.committed() == deployed.published(), "everything acknowledged")
    assert worker.end() == 0


def _publish_flood(deployed: Deployed, path: str) -> None:
    """What the ledger says of a source that has published all its revisions already."""
    with psycopg.connect(deployed.database) as connection:
        connection.execute(
            "INSERT INTO source (name, revision) VALUES ('flood', %s)", (_REVISIONS,)
        )
        connection.execute(
            "INSERT INTO publication (source_id, path, revision, kind, fingerprint, blob, url, commit,"
            " committed_at, detected_at) SELECT source_id, %s, %s, 'changed', '', '', '', '', now(), now()"
            " FROM source WHERE name = 'flood'",
            (path, _REVISIONS),
        )


def _flood_event(path: str, revision: int) -> tuple[bytes, bytes]:
    page_id = PageId(f"flood/{path}")
    event = changed(path, revision, f"# {path}\n\nWord {revision}.\n")
    return key_of(page_id), encode_event(msgspec.structs.replace(event, page_id=page_id))
