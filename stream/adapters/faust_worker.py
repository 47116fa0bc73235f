"""A Faust worker that reads page events, and acknowledges them by hand, in order, once they are safe."""

import asyncio
import contextlib
import ssl
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

import faust
import structlog
from aiokafka.errors import KafkaError

from schemas.broker import Broker
from schemas.errors import BrokerUnavailable
from schemas.topics import MAX_RECORD_BYTES
from schemas.wire import Record

_log = structlog.get_logger()

BATCH = 64
_WITHIN_S = 0.02
_FINISH_WITHIN_S = 5.0
_STOP_WITHIN_S = 10.0
_RECONNECT_S = 1.0
_POLL_S = 0.2

Consume = Callable[[Sequence[Record], int], Awaitable[None]]
"""Takes a batch and how many records wait behind it; what it raises ends the worker with nothing acknowledged."""


class FaustWorker:
    """One member of the consumer group of page events.

    Faust acknowledges whatever leaves an agent, by an exception too, and with `take` a batch that is only cancelled:
    here nothing leaves the agent, and a batch is acknowledged when `consume` has returned. Source of the pattern:
    measured against a real broker, see docs/how-it-works/deployment.md.
    """

    def __init__(self, broker: Broker, consume: Consume) -> None:
        self._broker = broker
        self._consume = consume
        self._failure: asyncio.Future[None] | None = None
        self._idle = asyncio.Event()
        self._done: dict[Any, int] = {}
        self._is_leaving = False
        self._app: Any = None

    @property
    def lag(self) -> int:
        """How many records of this member's partitions are not acknowledged yet, as far as it has heard."""
        consumer = self._app.consumer if self._app is not None else None
        if consumer is None:
            return 0
        # Between two assignments the client has nothing to tell.
        with contextlib.suppress(Exception):
            return sum(
                max(0, (consumer.highwater(part) or 0) - self._done[part])
                for part in consumer.assignment()
                if part in self._done
            )
        return 0

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set. Raises: what `consume` raised; BrokerUnavailable when the client has died."""
        with tempfile.TemporaryDirectory(prefix="headwater-faust-") as folder:
            while not stop.is_set():
                try:
                    failure = await self._run_once(folder, stop)
                except (KafkaError, OSError) as error:
                    _log.warning("broker.away", reason=str(error))
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(stop.wait(), _RECONNECT_S)
                    continue
                if failure is not None:
                    raise failure

    async def _run_once(self, folder: str, stop: asyncio.Event) -> BaseException | None:
        """One life of the client. Returns: what `consume` raised, if that ended it."""
        self._failure = asyncio.get_running_loop().create_future()
        self._is_leaving = False
        self._idle.set()
        self._done.clear()
        app = self._app = make_app(self._broker, folder)
        topic = app.topic(
            self._broker.topics.pages, key_serializer="raw", value_serializer="raw", acks=True
        )
        app.agent(topic, name="index", concurrency=1)(self._index)
        try:
            await app.start()
            while not stop.is_set() and not self._failure.done():
                if app.should_stop:
                    raise BrokerUnavailable("the client of the broker has ended")
                await asyncio.wait(
                    {self._failure}, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED
                )
            if not self._failure.done():
                await self._finish_batch()
        finally:
            self._app = None
            await _stop(app)
        return self._failure.exception() if self._failure.done() else None

    async def _index(self, stream: Any) -> None:
        async for events in _batches(stream):
            if self._is_leaving:
                await asyncio.Event().wait()
            self._idle.clear()
            for event in events:
                self._done.setdefault(event.message.tp, event.message.offset)
            try:
                await self._consume([_record(event) for event in events], self.lag - len(events))
            except BaseException as failure:
                if isinstance(failure, asyncio.CancelledError):
                    raise
                assert self._failure is not None
                if not self._failure.done():
                    self._failure.set_exception(failure)
                await asyncio.Event().wait()  # an agent that ends is started again
            for event in events:
                event.ack()
                self._done[event.message.tp] = event.message.offset + 1
            self._idle.set()

    async def _finish_batch(self) -> None:
        """Begin no other batch, and give the one at hand the time that a healthy one takes."""
        self._is_leaving = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _FINISH_WITHIN_S)


def make_app(broker: Broker, folder: str) -> Any:
    """A Faust app that reads and listens nowhere; `folder` is what it insists on."""
    settings = broker.settings
    servers = ";".join(f"kafka://{server}" for server in broker.servers)
    return faust.App(
        broker.topics.indexers,
        broker=servers,
        broker_credentials=_credentials(broker),
        store="memory://",
        datadir=folder,
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_RECORD_BYTES,
        processing_guarantee="at_least_once",
        broker_session_timeout=settings.session_timeout_s,
        broker_heartbeat_interval=settings.session_timeout_s / 4,
        broker_commit_interval=0.5,
        broker_max_poll_records=BATCH,
        stream_buffer_maxsize=BATCH,
        stream_wait_empty=False,
    )


async def _batches(stream: Any) -> AsyncIterator[Sequence[Any]]:
    async for events in stream.noack_take(BATCH, within=_WITHIN_S):
        yield events  # events, where its annotation says values


async def _stop(app: Any) -> None:
    """Leave the group. Faust may wait without limit: what it still holds is delivered again to others."""
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=_STOP_WITHIN_S)  # a cancellation it would swallow
    if not stopping.done():
        _log.warning("worker.left_hard", after_s=_STOP_WITHIN_S)
    elif not stopping.cancelled() and (error := stopping.exception()) is not None:
        _log.warning("worker.left_hard", reason=f"{type(error).__name__}: {error}")


def _record(event: Any) -> Record:
    message = event.message
    headers = tuple(message.headers or ())
    return Record(
        message.topic, message.partition, message.offset, message.key, message.value, headers
    )


def _credentials(broker: Broker) -> Any:
    settings = broker.settings
    context = ssl.create_default_context(cafile=settings.ca_file or None)
    if settings.cert_file:
        context.load_cert_chain(settings.cert_file, settings.key_file or None)
    match settings.security:
        case "PLAINTEXT":
            return None
        case "SSL":
            return faust.SSLCredentials(context)
        case _:
            return faust.SASLCredentials(
                username=settings.sasl_username,
                password=broker.password,
                mechanism=settings.sasl_mechanism,
                ssl_context=context if settings.security == "SASL_SSL" else None,
            )
