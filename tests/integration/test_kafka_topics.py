"""Making and checking topics, against a real broker."""

import pytest

from headwater.adapters.kafka_topics import FoundTopic, apply_topics, config_of, drifts_of
from headwater.cluster.broker import LocalBroker
from schemas.broker import Broker, KafkaSettings
from schemas.errors import BadConfiguration
from tests.support.broker import reached


def test_topics_are_made_once_and_checked_ever_after(broker: LocalBroker) -> None:
    installation = reached(broker)

    before = apply_topics(installation, check=True)
    made = apply_topics(installation, check=False)
    after = apply_topics(installation, check=True)

    assert [drift.what for drift in before] == ["missing"] * 4
    assert made == before
    assert after == []
    assert apply_topics(installation, check=False) == []


def test_topics_grow_and_never_shrink(broker: LocalBroker) -> None:
    small = reached(broker, partitions=2)
    apply_topics(small, check=False)
    prefix = small.settings.prefix
    large = Broker(settings=KafkaSettings(servers=broker.address, prefix=prefix, partitions=6))

    grown = apply_topics(large, check=False)

    assert {drift.what for drift in grown} == {"2 partitions, not 6"}
    assert apply_topics(large, check=True) == []
    assert apply_topics(small, check=True) == []


def test_more_replicas_than_brokers_are_refused_in_one_line(broker: LocalBroker) -> None:
    with pytest.raises(BadConfiguration, match="refuses the topics"):
        apply_topics(reached(broker, replication=3), check=False)


@pytest.mark.parametrize(("replication", "in_step"), [(1, None), (2, None), (3, "2"), (5, "2")])
def test_with_three_copies_two_have_to_be_in_step(replication: int, in_step: str | None) -> None:
    settings = KafkaSettings(servers="broker:9092", replication=replication, partitions=1)
    wanted = Broker(settings=settings)
    topic = wanted.topics.all()[0]
    one_in_step = dict(topic.config) | {"min.insync.replicas": "1"}
    found = {topic.name: FoundTopic(1, replication, one_in_step)}

    drifts = [drift.what for drift in drifts_of(topic, found, wanted)]

    assert config_of(topic, wanted).get("min.insync.replicas") == in_step
    assert drifts == (["min.insync.replicas is 1, not 2"] if in_step else [])
