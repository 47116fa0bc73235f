"""What a broker says of the workers' place in the topic of pages."""

import contextlib

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from headwater.seeing.places import Place
from ingest.adapters.kafka import connection_of
from schemas.broker import Broker
from schemas.errors import BrokerUnavailable


class OffsetReader:
    """Asks a broker for the places of the workers' group; it is no member. Not for several threads at once."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._consumer: KafkaConsumer | None = None

    def places(self) -> dict[int, Place]:
        """Every partition's place. Raises: BrokerUnavailable."""
        topic = self._broker.topics.pages
        try:
            consumer = self._connected()
            numbers = consumer.partitions_for_topic(topic) or set()
            parts = [TopicPartition(topic, number) for number in sorted(numbers)]
            begins, ends = consumer.beginning_offsets(parts), consumer.end_offsets(parts)
            return {
                part.partition: Place(begins[part], ends[part], consumer.committed(part))
                for part in parts
            }
        except (KafkaError, OSError, AssertionError) as error:
            self.close()
            raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error

    def close(self) -> None:
        """Let go of the connection."""
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            with contextlib.suppress(Exception):  # it is of no use any more, whatever it says
                consumer.close(autocommit=False, timeout_ms=1_000)

    def _connected(self) -> KafkaConsumer:
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                **connection_of(self._broker),
                group_id=self._broker.topics.indexers,
                enable_auto_commit=False,
            )
        return self._consumer
