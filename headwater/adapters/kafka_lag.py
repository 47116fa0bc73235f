"""How many events of a deployment its workers have not acknowledged yet, asked of the broker."""

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from ingest.adapters.kafka import connection_of
from schemas.broker import Broker
from schemas.errors import BrokerUnavailable

_ASK_TIMEOUT_MS = 5_000


def lag_of(broker: Broker) -> int:
    """Events behind the last acknowledged one, over all partitions. Raises: BrokerUnavailable."""
    topic = broker.topics.pages
    try:
        consumer = KafkaConsumer(
            **connection_of(broker),
            group_id=broker.topics.indexers,
            enable_auto_commit=False,
            request_timeout_ms=_ASK_TIMEOUT_MS,
            session_timeout_ms=_ASK_TIMEOUT_MS - 1_000,
        )
        try:
            parts = [
                TopicPartition(topic, part) for part in consumer.partitions_for_topic(topic) or ()
            ]
            begins, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
            # A group that never acknowledged anything begins with the oldest event there is.
            done = {part: consumer.committed(part) or 0 for part in parts}
            return sum(max(0, ends[part] - max(done[part], begins[part])) for part in parts)
        finally:
            consumer.close(autocommit=False)
    except (KafkaError, OSError) as error:
        raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error
