"""Where the workers' group stands in the topic, and losing that place, against a real broker."""

from collections.abc import Iterator
from uuid import uuid4

import pytest
from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import BrokerResponseError
from kafka.structs import OffsetAndMetadata

from headwater.adapters.kafka_group import KafkaGroup
from headwater.adapters.kafka_topics import apply_topics
from headwater.cluster.broker import LocalBroker
from headwater.seeing.places import Reset, resets_between
from schemas.broker import Broker, KafkaSettings
from schemas.errors import BrokerUnavailable
from stream.core.progress import Standing
from tests.support.program import poll


@pytest.fixture
def reached(broker: LocalBroker) -> Broker:
    """An installation of its own with one partition."""
    settings = KafkaSettings(
        servers=broker.address, prefix=f"test-{uuid4().hex[:12]}", partitions=1
    )
    made = Broker(settings=settings)
    apply_topics(made, check=False)
    return made


@pytest.fixture
def reader(reached: Broker) -> Iterator[KafkaGroup]:
    reader = KafkaGroup(reached)
    poll(lambda: _answers(reader), "room for groups, which a fresh broker has to make")
    yield reader
    reader.close()


def _answers(reader: KafkaGroup) -> bool:
    try:
        reader.places()
    except BrokerUnavailable:
        return False
    return True


def fill(reached: Broker, count: int) -> None:
    producer = KafkaProducer(bootstrap_servers=reached.servers)
    for number in range(count):
        producer.send(reached.topics.pages, key=b"docs/a.md", value=b"%d" % number)
    producer.close()


def commit(reached: Broker, offset: int) -> None:
    part = TopicPartition(reached.topics.pages, 0)
    consumer = KafkaConsumer(
        bootstrap_servers=reached.servers,
        group_id=reached.topics.indexers,
        enable_auto_commit=False,
    )
    consumer.assign([part])
    consumer.commit({part: OffsetAndMetadata(offset, "", -1)})
    consumer.close()


def delete_up_to(reached: Broker, offset: int) -> None:
    admin = KafkaAdminClient(bootstrap_servers=reached.servers)
    policy = {"cleanup.policy": "delete"}
    topic = ConfigResource(ConfigResourceType.TOPIC, reached.topics.pages, policy)
    admin.alter_configs([topic])

    def is_deleted() -> bool:
        try:
            admin.delete_records({TopicPartition(reached.topics.pages, 0): offset})
        except BrokerResponseError:  # its leader hears of the policy a moment later
            return False
        return True

    poll(is_deleted, "deleted records", every_s=0.1)
    admin.close()


def test_r19_records_deleted_unread_are_told_from_read_ones(
    reached: Broker, reader: KafkaGroup
) -> None:
    fill(reached, 10)
    fresh = reader.places()
    commit(reached, 6)
    read = reader.places()
    delete_up_to(reached, 5)
    harmless = reader.places()
    delete_up_to(reached, 8)
    lost = reader.places()

    assert (fresh, read) == ({0: Standing(0, 10, None)}, {0: Standing(0, 10, 6)})
    assert (harmless, lost) == ({0: Standing(5, 10, 6)}, {0: Standing(8, 10, 6)})
    assert [*resets_between(fresh, read), *resets_between(read, harmless)] == []
    assert [*resets_between(harmless, lost)] == [(0, Reset.UNREAD_GONE)]
