"""How far the group of the workers is, as the broker tells it over a connection that no worker's client shares."""

import contextlib
from collections.abc import Mapping

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import OffsetSpec
from kafka.errors import KafkaError

from ingest.adapters.kafka import Asking, asking_client
from schemas.broker import Broker
from schemas.errors import BrokerUnavailable
from stream.core.progress import Standing


class KafkaGroup:
    """Asks for the offsets of the topic of pages, one question at a time; it is no member of the group."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._admin: KafkaAdminClient | None = None
        self._ask = Asking(self.places)

    async def standings(self) -> Mapping[int, Standing]:
        """Every partition of the topic of pages by its number. Raises: BrokerUnavailable."""
        return await self._ask()

    def close(self) -> None:
        """Let go of the connection."""
        admin, self._admin = self._admin, None
        if admin is not None:
            with contextlib.suppress(Exception):  # it is of no use any more, whatever it says
                admin.close()

    def places(self) -> Mapping[int, Standing]:
        """The same for a thread that has this to itself. Raises: BrokerUnavailable."""
        try:
            if self._admin is None:
                self._admin = asking_client(self._broker)
            return self._told(self._admin)
        except (KafkaError, OSError, LookupError, ValueError) as error:  # a topic may be half there
            self.close()
            raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error

    def _told(self, admin: KafkaAdminClient) -> Mapping[int, Standing]:
        topic, group = self._broker.topics.pages, self._broker.topics.indexers
        [found] = admin.describe_topics([topic])
        parts = [TopicPartition(topic, part["partition_index"]) for part in found["partitions"]]
        committed = admin.list_group_offsets({group: parts})[group]
        begins = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.EARLIEST))
        ends = admin.list_partition_offsets(dict.fromkeys(parts, OffsetSpec.LATEST))
        return {
            part.partition: Standing(
                begins[part].offset,
                ends[part].offset,
                committed[part].offset
                if part in committed and committed[part].offset >= 0
                else None,
            )
            for part in parts
        }
