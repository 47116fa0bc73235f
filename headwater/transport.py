"""How page events get from intake to the index: inside the process, or through a broker."""

import asyncio
import contextlib
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from headwater.adapters.local_log import LocalLog
from index.core.embedding import Embed
from index.core.plan import Outcome
from index.handlers import Receiver
from ingest.core.ports import Pending, Publish, PublishWatch
from schemas.broker import Broker, KafkaSettings
from schemas.errors import BadConfiguration, WrongUse
from schemas.events import PageEvent
from schemas.ids import Generation
from schemas.wire import Record
from stream.core.ports import RecordStore
from stream.core.progress import Pulse
from stream.handlers import Consumer, RecordConsumer, consume_batch, consume_records, heard_retries


class Transport(Protocol):
    """Where intake publishes to, and what feeds the consumer.

    `is_local` says that what is published here is consumed here, and nowhere else.
    """

    is_local: bool

    @property
    def publish(self) -> Publish:
        """Where intake sends."""
        ...

    @property
    def lag(self) -> int:
        """How many events are not consumed yet, as far as this process knows."""
        ...

    @property
    def acknowledged_at(self) -> float:
        """When a batch was last acknowledged here, as seconds since 1970; the start before the first, 0 without any."""
        ...

    async def consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """Feed `consumer` until `stop` is set, then finish the batch at hand. What it raises ends the process."""
        ...

    async def ready(self) -> str | None:
        """A readiness check: whether it answers."""
        ...

    async def joined(self) -> str | None:
        """A readiness check of who consumes: whether events come in."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


class LocalTransport:
    """Everything in this process: the default."""

    is_local = True
    acknowledged_at = 0.0

    def __init__(self) -> None:
        self._log = LocalLog()

    @property
    def publish(self) -> Publish:
        """See `Transport.publish`."""
        return self._log

    @property
    def lag(self) -> int:
        """See `Transport.lag`."""
        return self._log.outstanding

    async def consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """See `Transport.consume`: whatever is at hand is dropped, since the ledger knows of it."""
        running = asyncio.ensure_future(self._log.run(partial(consume_batch, consumer=consumer)))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if running.done():
                running.result()
        finally:
            for task in (running, stopping):
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task

    async def ready(self) -> str | None:
        """See `Transport.ready`."""
        return None

    async def joined(self) -> str | None:
        """See `Transport.joined`."""
        return None

    async def close(self) -> None:
        """See `Transport.close`."""


class KafkaTransport:
    """A Kafka topic between intake and workers."""

    is_local = False

    def __init__(
        self, broker: Broker, pending: Pending, records: RecordStore, watch: PublishWatch
    ) -> None:
        """Raises: WrongUse where the clients are not installed."""
        require_clients()
        from headwater.adapters.kafka_group import KafkaGroup
        from ingest.adapters.kafka import KafkaPublish
        from stream.adapters.faust_worker import FaustWorker

        self._publish = KafkaPublish(broker, pending, watch)
        self._group = KafkaGroup(broker)
        self._make_worker = partial(FaustWorker, broker)
        self._worker: FaustWorker | None = None
        self._records = records
        self.acknowledged_at = 0.0

    @property
    def publish(self) -> Publish:
        """See `Transport.publish`."""
        return self._publish

    @property
    def lag(self) -> int:
        """See `Transport.lag`."""
        return self._worker.lag if self._worker else self._publish.outstanding

    async def consume(self, consumer: Consumer, stop: asyncio.Event) -> None:
        """See `Transport.consume`."""
        pulse = Pulse()
        to = RecordConsumer(with_pulse(consumer, pulse), self._records, consumer.watch)

        async def consume_and_note(records: Sequence[Record], lag: int) -> None:
            await consume_records(records, lag, to)
            self.acknowledged_at = time.time()

        self.acknowledged_at = time.time()
        self._worker = self._make_worker(consume_and_note, self._group.standings, pulse)
        await self._worker.run(stop)

    async def ready(self) -> str | None:
        """See `Transport.ready`."""
        return await self._publish.ready()

    async def joined(self) -> str | None:
        """See `Transport.joined`."""
        return await self._worker.joined() if self._worker else "the worker has not begun yet"

    async def close(self) -> None:
        """See `Transport.close`."""
        await asyncio.to_thread(self._publish.close)
        await asyncio.to_thread(self._group.close)


def with_pulse(consumer: Consumer, pulse: Pulse) -> Consumer:
    """The same consumer, whose signs of life are heard: pages told of, texts embedded, failures tried again."""

    async def receivers() -> Sequence[Receiver]:
        return [replace(to, embed=heard(to.embed)) for to in await consumer.receivers()]

    def heard(embed: Embed) -> Embed:
        async def embedded(texts: Sequence[str]) -> NDArray[np.float32]:
            vectors = await embed(texts)
            pulse.beat()
            return vectors

        return embedded

    def told(event: PageEvent, generation: Generation, outcome: Outcome | None) -> None:
        pulse.beat()
        consumer.told(event, generation, outcome)

    retries = partial(heard_retries, pulse.beat)
    return replace(consumer, receivers=receivers, told=told, retries=retries)


def require_clients() -> None:
    """Raises: WrongUse where the clients of the broker are not installed."""
    # Faust takes its own place among the modules, and has no spec once it is imported.
    missing = [
        name for name in ("kafka", "faust") if name not in sys.modules and find_spec(name) is None
    ]
    if missing:
        raise WrongUse(
            f"[kafka] needs {' and '.join(missing)}, which the extra `cluster` brings:"
            " pip install 'headwater[cluster]'"
        )


def broker_of(settings: KafkaSettings, env: Mapping[str, str]) -> Broker:
    """The broker with its password. Raises: BadConfiguration when a variable that is named is empty or not set."""
    if not settings.security.startswith("SASL"):
        return Broker(settings=settings)
    name = settings.sasl_password_env
    if not name or not env.get(name):
        raise BadConfiguration(
            f"[kafka] security {settings.security} needs a password:"
            f" {f'the variable {name} is empty or not set' if name else 'sasl_password_env names none'}"
        )
    return Broker(settings=settings, password=env[name])
