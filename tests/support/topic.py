"""The topic of pages as an outsider reads it, and how far the group's acknowledgements may be believed."""

from dataclasses import dataclass

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.structs import OffsetAndMetadata

from schemas.broker import Broker
from schemas.ids import path_of
from schemas.wire import Record, decode_event
from tests.support.deployment import Deployed


@dataclass(frozen=True, slots=True)
class Sent:
    """A record with the page and revision that it carries."""

    partition: int
    offset: int
    key: bytes
    value: bytes
    path: str
    revision: int


class Topic:
    """Reads everything, whoever has acknowledged it. Close it before the broker goes away."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        name, partitions = broker.topics.pages, broker.settings.partitions
        self._parts = [TopicPartition(name, part) for part in range(partitions)]
        options = {"bootstrap_servers": broker.servers, "enable_auto_commit": False}
        self._group = KafkaConsumer(group_id=broker.topics.indexers, **options)
        self._reading = KafkaConsumer(**options)
        self._reading.assign(self._parts)
        self._reading.seek_to_beginning(*self._parts)
        self._sent: list[Sent] = []

    def close(self) -> None:
        """Hang up."""
        self._group.close()
        self._reading.close()

    def sent(self) -> list[Sent]:
        """Every event that was ever sent, in the order of each partition."""
        ends = self._reading.end_offsets(self._parts)
        while any(self._reading.position(part) < end for part, end in ends.items()):
            for records in self._reading.poll(timeout_ms=1_000).values():
                self._sent += [_sent(record) for record in records]
        return list(self._sent)

    def acknowledged(self) -> dict[int, int]:
        """The group's offset by partition."""
        return {part.partition: self._group.committed(part) or 0 for part in self._parts}

    def promised_early(self, deployed: Deployed) -> list[str]:
        """Records that the group has acknowledged although their pages are neither there nor parked."""
        acknowledged, sent = self.acknowledged(), self.sent()
        reached = dict(
            deployed.rows(
                "SELECT path, greatest(page_state.revision, max(parked.revision)) FROM page_state"
                " FULL JOIN parked USING (source_id, path) GROUP BY path, page_state.revision"
            )
        )
        return [
            f"{one.path} at {one.revision} was acknowledged early"
            for one in sent
            if one.offset < acknowledged[one.partition] and reached.get(one.path, 0) < one.revision
        ]

    def acknowledge(self, offsets: dict[int, int]) -> None:
        """Set the group's offsets by hand; it must have no member."""
        self._group.assign(self._parts)
        wanted = {
            TopicPartition(self._broker.topics.pages, part): OffsetAndMetadata(offset, "", -1)
            for part, offset in offsets.items()
        }
        self._group.commit(wanted)
        self._group.assign([])

    def ends(self) -> dict[int, int]:
        """The end of each partition."""
        return {part.partition: end for part, end in self._reading.end_offsets(self._parts).items()}

    def make_anew(self) -> None:
        """Delete the topic; who calls makes it again."""
        admin = KafkaAdminClient(bootstrap_servers=self._broker.servers)
        try:
            admin.delete_topics([self._broker.topics.pages])
        finally:
            admin.close()


def _sent(record: object) -> Sent:
    topic, partition, offset = record.topic, record.partition, record.offset  # type: ignore[attr-defined] # untyped
    key, value = record.key, record.value  # type: ignore[attr-defined] # untyped
    event = decode_event(Record(topic, partition, offset, key, value))
    return Sent(partition, offset, key, value, path_of(event.page_id), event.revision)
