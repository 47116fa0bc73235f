"""Making the topics of a deployment what they have to be, and telling where they are not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from kafka import KafkaAdminClient
from kafka.admin import ConfigResource, ConfigResourceType, NewPartitions
from kafka.errors import KafkaError

from ingest.adapters.kafka import connection_of
from schemas.broker import Broker
from schemas.errors import BadConfiguration, BrokerUnavailable
from schemas.topics import Topic

_REPLICATION_OF_TWO_IN_STEP = 3


@dataclass(frozen=True, slots=True)
class FoundTopic:
    """A topic as the broker has it; `config` holds every key with its value in force."""

    partitions: int
    replication: int
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Drift:
    """One way in which a topic is not what it has to be; `can_mend` unless it takes moving its data."""

    topic: str
    what: str
    can_mend: bool


def apply_topics(broker: Broker, *, check: bool) -> list[Drift]:
    """Make, grow and set whatever differs, unless this is only a check. Idempotent.

    Returns: what differed before. Raises: BrokerUnavailable, BadConfiguration.
    """
    with _admin(broker) as admin:
        found = _found(admin, broker)
        drifts = [
            drift for topic in broker.topics.all() for drift in drifts_of(topic, found, broker)
        ]
        if not check and any(drift.can_mend for drift in drifts):
            _mend(admin, found, broker)
    return drifts


def drifts_of(topic: Topic, found: Mapping[str, FoundTopic], broker: Broker) -> Iterator[Drift]:
    """How a topic differs from what it has to be. More partitions than configured are nobody's harm."""
    has, settings = found.get(topic.name), broker.settings
    if has is None:
        yield Drift(topic.name, "missing", can_mend=True)
        return
    if has.partitions < settings.partitions:
        what = f"{has.partitions} partitions, not {settings.partitions}"
        yield Drift(topic.name, what, can_mend=True)
    if has.replication != settings.replication:
        what = f"replication {has.replication}, not {settings.replication}"
        yield Drift(topic.name, what, can_mend=False)
    for key, value in config_of(topic, broker).items():
        if has.config.get(key) != value:
            yield Drift(topic.name, f"{key} is {has.config.get(key)}, not {value}", can_mend=True)


def config_of(topic: Topic, broker: Broker) -> dict[str, str]:
    """What a topic has to be set to. What is acknowledged survives the loss of a broker where there are three copies.

    With fewer, asking for two in step would only stop all writing when one is gone.
    """
    is_safe = broker.settings.replication >= _REPLICATION_OF_TWO_IN_STEP
    return dict(topic.config) | ({"min.insync.replicas": "2"} if is_safe else {})


@contextmanager
def _admin(broker: Broker) -> Iterator[KafkaAdminClient]:
    try:
        admin = KafkaAdminClient(**connection_of(broker), request_timeout_ms=15_000)
        try:
            yield admin
        finally:
            admin.close()
    except (KafkaError, OSError) as error:
        raise refused(error) from error


def refused(error: Exception) -> BrokerUnavailable | BadConfiguration:
    """What a failure of the admin client means to a person."""
    kind = type(error).__name__
    if kind in ("InvalidReplicationFactorError", "PolicyViolationError", "InvalidConfigError"):
        return BadConfiguration(f"[kafka] the broker refuses the topics: {error}")
    return BrokerUnavailable(f"{kind}: {str(error).removeprefix(f'{kind}: ')}")


def _found(admin: KafkaAdminClient, broker: Broker) -> dict[str, FoundTopic]:
    known = set(admin.list_topics())
    names = [topic.name for topic in broker.topics.all() if topic.name in known]
    if not names:
        return {}
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    configs = admin.describe_configs(resources, config_filter="all")["topic"]
    return {
        topic["name"]: FoundTopic(
            partitions=len(topic["partitions"]),
            replication=len(topic["partitions"][0]["replica_nodes"]),
            config={key: entry["value"] for key, entry in configs[topic["name"]].items()},
        )
        for topic in admin.describe_topics(names)
    }


def _mend(admin: KafkaAdminClient, found: Mapping[str, FoundTopic], broker: Broker) -> None:
    settings = broker.settings
    missing = [topic for topic in broker.topics.all() if topic.name not in found]
    if missing:
        admin.create_topics(_new(missing, broker), wait_for_metadata=True)
    small = {
        name: NewPartitions(settings.partitions)
        for name, topic in found.items()
        if topic.partitions < settings.partitions
    }
    if small:
        admin.create_partitions(small)
    off = [
        ConfigResource(ConfigResourceType.TOPIC, topic.name, config_of(topic, broker))
        for topic in broker.topics.all()
        if topic.name in found
    ]
    if off:
        admin.alter_configs(off)


def _new(topics: Sequence[Topic], broker: Broker) -> dict[str, dict[str, Any]]:
    return {
        topic.name: {
            "num_partitions": broker.settings.partitions,
            "replication_factor": broker.settings.replication,
            "configs": config_of(topic, broker),
        }
        for topic in topics
    }
