"""A Faust worker that reads page events, and acknowledges them by hand, in order, once they are safe."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

import faust
import structlog
from aiokafka.errors import KafkaError

from schemas.broker import Broker
from schemas.errors import BrokerUnavailable, WorkerStalled
from schemas.topics import MAX_RECORD_BYTES
from schemas.wire import Record
from stream.adapters.membership import assigned, ends_heard, why_not_joined
from stream.adapters.positions import begin_shrunken_logs
from stream.core.progress import Pulse, Sighting, Standing, Watch, lag_of

_log = structlog.get_logger()

BATCH = 64
_WITHIN_S = 0.02
_FINISH_WITHIN_S = 5.0
_STOP_WITHIN_S = 8.0
_RECONNECT_S = 1.0
_POLL_S = 0.2
_LOOK_S = 1.0
_ANSWER_AFTER_SESSION_S = 5.0
_UNHEARD = Standing(0, 0, None)

Consume = Callable[[Sequence[Record], int], Awaitable[None]]
"""Takes a batch and how many records wait behind it; what it raises ends the worker with nothing acknowledged."""

Ask = Callable[[], Awaitable[Mapping[int, Standing]]]
"""Every partition of the topic as the broker tells it. Raises: BrokerUnavailable."""


class FaustWorker:
    """One member of the consumer group of page events.

    Faust acknowledges whatever leaves an agent, by an exception too, and with `take` a batch that is only cancelled:
    here nothing leaves the agent, and a batch is acknowledged when `consume` has returned. Source of the pattern:
    measured against a real broker, see docs/how-it-works/deployment.md.
    """

    def __init__(self, broker: Broker, consume: Consume, ask: Ask, pulse: Pulse) -> None:
        self._broker = broker
        self._consume = consume
        self._ask = ask
        self._pulse = pulse
        self._failure: asyncio.Future[None] | None = None
        self._idle = asyncio.Event()
        self._standings: Mapping[int, Standing] = {}
        self._done: dict[int, int] = {}
        self._is_leaving = False
        self._app: Any = None

    @property
    def lag(self) -> int:
        """How many records of this member's partitions are not acknowledged yet, as far as it has heard."""
        known = assigned(self._app) & {*self._standings, *self._done}
        told = {part: self._standings.get(part, _UNHEARD) for part in known}
        return lag_of(told, self._done, ends_heard(self._app))

    async def joined(self) -> str | None:
        """A readiness check: whether it is a member of the group, and connected."""
        return why_not_joined(self._app)

    async def run(self, stop: asyncio.Event) -> None:
        """Consume until `stop` is set.

        Raises: what `consume` raised; BrokerUnavailable when the client has died; WorkerStalled when it gets nowhere.
        """
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._keep_watch())
            try:
                await self._keep_running(stop)
            finally:
                watching.cancel()

    async def _keep_running(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            try:
                failure = await self._run_once(stop)
            except (KafkaError, OSError) as error:
                _log.warning("broker.away", reason=str(error))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), _RECONNECT_S)
                continue
            if failure is not None:
                raise failure

    async def _run_once(self, stop: asyncio.Event) -> BaseException | None:
        """One life of the client. Returns: what `consume` raised, if that ended it."""
        self._failure = asyncio.get_running_loop().create_future()
        self._is_leaving = False
        self._idle.set()
        self._done.clear()
        app = self._app = make_app(self._broker)
        topic = app.topic(
            self._broker.topics.pages, key_serializer="raw", value_serializer="raw", acks=True
        )
        app.agent(topic, name="index", concurrency=1)(self._index)
        starting = asyncio.ensure_future(app.start())
        try:
            await self._until_told(stop, app, starting)
            if not self._failure.done():
                await self._finish_batch()
        finally:
            self._app = None
            await _stop(app, starting)
        return self._failure.exception() if self._failure.done() else None

    async def _until_told(
        self, stop: asyncio.Event, app: Any, starting: "asyncio.Future[Any]"
    ) -> None:
        """Return at the end, also before the client has started. Raises: what its start raises; BrokerUnavailable."""
        assert self._failure is not None
        while not stop.is_set() and not self._failure.done():
            waiting = {self._failure}
            if not starting.done():
                waiting.add(starting)
            else:
                starting.result()
                if app.should_stop:
                    raise BrokerUnavailable("the client of the broker has ended")
                for part in await begin_shrunken_logs(app.consumer):
                    self._done.pop(part.partition, None)
            await asyncio.wait(waiting, timeout=_POLL_S, return_when=asyncio.FIRST_COMPLETED)

    async def _keep_watch(self) -> None:
        """Look at how far the group is. Raises: WorkerStalled, for a supervisor to start a new worker."""
        after_s = self._broker.settings.stalled_after_s
        clock, watch = asyncio.get_running_loop().time, Watch()
        while True:
            await asyncio.sleep(min(_LOOK_S, after_s / 4))
            lag, pulse = await self._look(), self._pulse
            seen = Sighting(clock(), lag, self._position(), pulse.signs, pulse.batches)
            watch = watch.after(seen)
            if seen.lag and watch.is_stalled(seen, after_s=after_s):
                raise WorkerStalled(seen.lag, after_s)

    async def _look(self) -> int | None:
        """The lag of what concerns this worker, from the broker alone; None when it cannot be asked."""
        try:
            self._standings = await self._ask()
        except BrokerUnavailable:
            return None
        return lag_of(self._concerning(), {}, {})

    def _position(self) -> Mapping[int, int]:
        return {part: told.done for part, told in self._concerning().items()}

    def _concerning(self) -> Mapping[int, Standing]:
        """The partitions of this member; as long as it is none, whatever the group leaves lying."""
        if why_not_joined(self._app) is not None:
            return self._standings
        own = assigned(self._app)
        return {part: told for part, told in self._standings.items() if part in own}

    async def _index(self, stream: Any) -> None:
        async for events in _batches(stream):
            if self._is_leaving:
                await asyncio.Event().wait()
            self._idle.clear()
            for event in events:
                self._done.setdefault(event.message.partition, event.message.offset)
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
                self._done[event.message.partition] = event.message.offset + 1
            self._pulse.finish()
            self._idle.set()

    async def _finish_batch(self) -> None:
        """Begin no other batch, and give the one at hand the time that a healthy one takes."""
        self._is_leaving = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), _FINISH_WITHIN_S)


class _App(faust.App):
    """Makes none of the folders for tables on disk: a worker that is killed would leave them behind."""

    async def on_first_start(self) -> None:
        """Do nothing; making those folders is all that it is for."""


def make_app(broker: Broker) -> Any:
    """A Faust app that reads, listens nowhere and keeps nothing."""
    settings = broker.settings
    servers = ";".join(f"kafka://{server}" for server in broker.servers)
    return _App(
        broker.topics.indexers,
        broker=servers,
        broker_credentials=_credentials(broker),
        store="memory://",
        value_serializer="raw",
        key_serializer="raw",
        web_enabled=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        consumer_auto_offset_reset="earliest",
        consumer_max_fetch_size=MAX_RECORD_BYTES,
        processing_guarantee="at_least_once",
        # What the broker does not answer is given up: else the end of a worker would wait for it.
        broker_request_timeout=settings.session_timeout_s + _ANSWER_AFTER_SESSION_S,
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


async def _stop(app: Any, starting: "asyncio.Future[Any]") -> None:
    """Leave the group. Faust may wait without limit: what it still holds is delivered again to others."""
    starting.cancel()
    stopping = asyncio.ensure_future(app.stop())
    await asyncio.wait({stopping}, timeout=_STOP_WITHIN_S)  # a cancellation it would swallow
    if not stopping.done():
        _log.warning("worker.left_hard", after_s=_STOP_WITHIN_S)
    elif not stopping.cancelled() and (error := stopping.exception()) is not None:
        _log.warning("worker.left_hard", reason=f"{type(error).__name__}: {error}")
    if starting.done() and not starting.cancelled():
        starting.exception()


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
