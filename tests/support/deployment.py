"""Intake, workers and answering as processes of their own, over a real broker and a real database."""

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import BrokerResponseError
from kafka.structs import OffsetAndMetadata

from headwater.adapters.kafka_topics import apply_topics
from headwater.cluster.broker import LocalBroker
from schemas.broker import Broker, KafkaSettings
from tests.support.author import canaries_in
from tests.support.program import FAKE, Program, Serving, a_program, poll
from tests.support.repository import Repository, page
from tests.support.warm import Warm

PARTITIONS = 8
_CONFIG = """
[[source]]
name = "docs"
location = "docs"
poll_s = 0.4
webhook_secret_env = "DOCS_SECRET"
"""
SECRET = "between-us"


@dataclass
class Deployed:
    """A deployment whose processes a test starts and ends as it likes; all are ended with it."""

    program: Program
    docs: Repository
    broker: Broker
    database: str
    processes: ExitStack
    turn: int = 0
    started: list[Serving] = field(default_factory=list)

    @property
    def journal(self) -> Path:
        """Where workers note what they embed and commit."""
        return self.program.folder / "journal"

    def main(self, *more: str) -> list[str]:
        """The program with an embedder that counts words, and what makes it misbehave."""
        return [*FAKE, "--journal", str(self.journal), *more]

    def start(
        self,
        part: str,
        *more: str,
        database: str = "",
        servers: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Serving:
        """Start a process, with other ways to the database and the broker if named; it answers when this returns."""
        begun = self.begin(part, *more, database=database, servers=servers, env=env)
        return begun.answering()

    def begin(
        self,
        part: str,
        *more: str,
        database: str = "",
        servers: str = "",
        env: Mapping[str, str] | None = None,
    ) -> Serving:
        """Start a process, and go on without it."""
        env = {
            "HEADWATER_DATABASE_URL": database or self.database,
            "HEADWATER_KAFKA": servers or self.broker.settings.servers,
        } | dict(env or {})
        starting = self.program.starting(main=self.main(*more), part=part, env=env)
        serving = self.processes.enter_context(starting)
        self.started.append(serving)
        return serving

    def tell_all_to_end(self) -> None:
        """Have those that still run end side by side; who ends `processes` waits for each in turn."""
        for serving in self.started:
            if serving.is_running:
                serving.tell(signal.SIGTERM)

    def write(self, count: int) -> set[str]:
        """Bring so many pages to a new turn, in one commit. Returns: the words that tell their newest texts."""
        self.turn += 1
        words = {f"canary{number}turn{self.turn}" for number in range(count)}
        for number in range(count):
            word = f"canary{number}turn{self.turn}"
            self.docs.write(f"page{number}.md", page(f"Page {number}", f"The word is {word}."))
        self.docs.commit()
        return words

    def indexed(self) -> set[str]:
        """Every canary word in the index."""
        with psycopg.connect(self.database) as connection:
            rows = connection.execute("SELECT text FROM chunk_g1").fetchall()
        return canaries_in(" ".join(row[0] for row in rows))

    def wait_for(self, words: set[str], *, within_s: float = 60.0) -> None:
        """Return once exactly these canary words are indexed."""
        poll(
            lambda: self.indexed() == words, f"{len(words)} words", within_s=within_s, every_s=0.15
        )

    def rows(self, statement: str) -> list[tuple[Any, ...]]:
        """What the database answers."""
        with psycopg.connect(self.database) as connection:
            return connection.execute(statement.encode()).fetchall()

    def until_shared(self, members: int) -> None:
        """Return once the group has so many members, each with partitions."""
        poll(lambda: self.members() == members, f"{members} members", every_s=0.1)

    def members(self) -> int:
        """How many members the group has, each with partitions; 0 while they are shared out anew."""
        admin = KafkaAdminClient(bootstrap_servers=self.broker.servers)
        try:
            return _members(admin, self.broker.topics.indexers)
        finally:
            admin.close()

    def parked(self) -> list[tuple[Any, ...]]:
        """What was ever parked, with the reason."""
        return self.rows("SELECT path, revision, reason FROM parked ORDER BY path, revision")

    def committed(self) -> int:
        """How many records the group has acknowledged."""
        return sum(self._consumer.committed(part) or 0 for part in self._parts)

    def published(self) -> int:
        """How many records the topic has got."""
        return sum(self._consumer.end_offsets(self._parts).values())

    def rewind(self) -> None:
        """Have the group begin anew; it must have no member."""
        self._consumer.assign(self._parts)
        self._consumer.commit({part: OffsetAndMetadata(0, "", -1) for part in self._parts})
        self._consumer.assign([])

    def empty(self) -> None:
        """Delete every record of the topic, as retention does where the policy of a topic was changed."""
        policy = {"cleanup.policy": "compact,delete"}
        topic = ConfigResource(ConfigResourceType.TOPIC, self.broker.topics.pages, policy)
        ends = self._consumer.end_offsets(self._parts)
        admin = KafkaAdminClient(bootstrap_servers=self.broker.servers)
        try:
            admin.alter_configs([topic])
            poll(lambda: _is_deleted(admin, ends), "an empty topic")
        finally:
            admin.close()

    @property
    def _parts(self) -> list[TopicPartition]:
        return [TopicPartition(self.broker.topics.pages, part) for part in range(PARTITIONS)]

    def send(self, *records: tuple[bytes | None, bytes | None]) -> None:
        """Put raw records on the topic of pages: key and value."""
        producer = KafkaProducer(bootstrap_servers=self.broker.servers)
        try:
            for key, value in records:
                producer.send(self.broker.topics.pages, key=key, value=value).get(timeout=30)
        finally:
            producer.close()

    def send_with(self, key: bytes, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Put one record with headers on the topic of pages."""
        producer = KafkaProducer(bootstrap_servers=self.broker.servers)
        try:
            sending = producer.send(self.broker.topics.pages, key=key, value=value, headers=headers)
            sending.get(timeout=30)
        finally:
            producer.close()

    def check(self, words: set[str]) -> None:
        """What has to hold once everything has healed."""
        self.wait_for(words)
        poll(
            lambda: self.committed() == self.published(),
            "everything acknowledged",
            every_s=0.15,
        )
        poll(self._is_settled, "no page behind")

    def _is_settled(self) -> bool:
        """What was away for long may have been sent a second time, and be under way while one looks."""
        verified = self.program.done("verify")
        assert verified["ok"], verified
        return verified["behind"] == [] and self.in_flight() == 0

    def in_flight(self) -> int:
        """Pages whose newest publication is neither applied nor parked, counted by rows."""
        return len(
            self.rows(
                "SELECT FROM (SELECT source_id, path, max(revision) AS revision FROM publication"
                " GROUP BY source_id, path) AS newest"
                " LEFT JOIN page_state USING (source_id, path)"
                " WHERE coalesce(page_state.revision, 0) < newest.revision AND NOT EXISTS"
                " (SELECT FROM parked WHERE parked.source_id = newest.source_id"
                " AND parked.path = newest.path AND parked.revision >= newest.revision)"
            )
        )

    @cached_property
    def _consumer(self) -> KafkaConsumer:
        """Asks for offsets; it is no member of the group."""
        consumer = KafkaConsumer(
            bootstrap_servers=self.broker.servers,
            group_id=self.broker.topics.indexers,
            enable_auto_commit=False,
        )
        self.processes.callback(self.hang_up)
        return consumer

    def hang_up(self) -> None:
        """Let go of the broker: kafka-python leaves a socket unclosed for each try to reach one that is gone."""
        consumer = vars(self).pop("_consumer", None)
        if consumer is not None:
            consumer.close()


def _members(admin: KafkaAdminClient, group: str) -> int:
    """How many members of a group have an assignment."""
    [told] = admin.describe_groups([group]).values()
    is_settled = told["group_state"] == "Stable"
    return len(told["members"]) if is_settled else 0


def _is_deleted(admin: KafkaAdminClient, ends: Mapping[TopicPartition, int]) -> bool:
    try:
        admin.delete_records(ends)
    except BrokerResponseError:  # the partitions' leaders hear of the policy a moment later
        return False
    return True


@contextmanager
def a_deployment(
    folder: Path,
    broker: LocalBroker,
    database: str,
    warm: Warm,
    env: Mapping[str, str] | None = None,
) -> Iterator[Deployed]:
    """A deployment with docs of its own, nothing of it started; commands are forked from `warm`."""
    prefix = f"test-{uuid4().hex[:12]}"
    settings = KafkaSettings(servers=broker.address, prefix=prefix, partitions=PARTITIONS)
    reached = Broker(settings=settings)
    apply_topics(reached, check=False)
    variables = {
        "HEADWATER_KAFKA": broker.address,
        "HEADWATER_KAFKA__PREFIX": prefix,
        "HEADWATER_KAFKA__PARTITIONS": str(PARTITIONS),
        "HEADWATER_KAFKA__SESSION_TIMEOUT_S": "2",
        "HEADWATER_KAFKA__RESEND_AFTER_S": "10",
        "HEADWATER_DATABASE_URL": database,
        "DOCS_SECRET": SECRET,
        **(env or {}),
    }
    with (
        a_program(folder, main=FAKE, warm=warm, env=variables) as program,
        ExitStack() as processes,
    ):
        program.configure(_CONFIG)
        deployed = Deployed(program, Repository(folder / "docs"), reached, database, processes)
        try:
            yield deployed
        finally:
            deployed.tell_all_to_end()
