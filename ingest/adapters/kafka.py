"""Publishing page events to Kafka: a send counts once the broker has it for good, and never runs far ahead."""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from kafka import KafkaAdminClient, KafkaProducer
from kafka.errors import KafkaError

from ingest.core.ports import GiveUp, NobodyWatches, Pending, PublishWatch, never
from ingest.core.window import NOTHING, Load, has_room, in_pieces, load_of
from schemas.broker import Broker
from schemas.errors import BrokerUnavailable, NotConsumed
from schemas.events import PageEvent
from schemas.ids import PageId, Revision, SourceName, source_of
from schemas.topics import MAX_RECORD_BYTES
from schemas.wire import encode_event, key_of

_FIRST_POLL_S, _LONGEST_POLL_S = 0.02, 0.1
_SLOWER = 1.2
_STILL_S = 0.5
_SEND_TIMEOUT_S = 30.0
_ASK_TIMEOUT_MS = 3_000
_CLOSE_WITHIN_S = 1.0

_Answer = TypeVar("_Answer")


class KafkaPublish:
    """`ingest.core.ports.Publish` over an idempotent producer.

    What is outstanding is asked of the index itself: a page that is applied or parked is done, whoever did it. When
    none of the pages that are awaited moves for `resend_after_s` this raises NotConsumed: the next sync sends again
    whatever is still behind.
    """

    def __init__(self, broker: Broker, pending: Pending, watch: PublishWatch | None = None) -> None:
        self._broker = broker
        self._watch = watch or NobodyWatches()
        self._pending = pending
        self._sent: dict[PageId, _Sent] = {}
        self._producer: KafkaProducer | None = None
        self._turn = threading.Lock()
        self._is_closed = False
        self._admin: KafkaAdminClient | None = None
        self._ask = Asking(self._missing_topic)

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        """See `Publish.__call__`. Raises: BrokerUnavailable, NotConsumed."""
        for piece in in_pieces(events):
            await self._publish(piece)

    @property
    def outstanding(self) -> int:
        """How many pages were sent and are not known to be applied or parked yet."""
        return len(self._sent)

    async def _publish(self, piece: Sequence[PageEvent]) -> None:
        sources, more = {source_of(event.page_id) for event in piece}, load_of(piece)
        await self._wait_until(
            lambda: has_room(self._outstanding_of(sources), more),
            lambda page: source_of(page) in sources,
        )
        await asyncio.to_thread(self._send, piece)
        for event in piece:
            before = self._sent.get(event.page_id)
            if before is None or before.revision <= event.revision:
                self._sent[event.page_id] = _Sent(event.revision, load_of([event]))

    def _outstanding_of(self, sources: Collection[SourceName]) -> Load:
        """Each source has its own measure: a first load of one must not hold up an edit of another."""
        loads = (sent.load for page, sent in self._sent.items() if source_of(page) in sources)
        return sum(loads, NOTHING)

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        """See `Publish.settled`. Raises: NotConsumed."""
        awaited = frozenset(pages)
        return await self._wait_until(
            lambda: awaited.isdisjoint(self._sent), awaited.__contains__, given_up
        )

    async def ready(self) -> str | None:
        """A readiness check: whether the broker answers, and has the topic."""
        try:
            return await self._ask()
        except BrokerUnavailable as error:
            return str(error)

    def close(self) -> None:
        """Let go of the connections, also from under what is being sent: a later sync sends it again.

        It waits for nobody: a broker that swallows what it is sent would keep each send for half a minute.
        """
        self._is_closed = True
        self._drop()
        self._drop_admin()

    async def _wait_until(
        self,
        is_met: Callable[[], bool],
        is_awaited: Callable[[PageId], bool],
        given_up: GiveUp = never,
    ) -> bool:
        """What moves elsewhere is no sign of the pages that are awaited: theirs may be lost while others go on.

        Returns: whether it is met, and not given up. Raises: NotConsumed.
        """
        loop = asyncio.get_running_loop()
        moved_at, resend_after_s = loop.time(), self._broker.settings.resend_after_s
        poll_s, asked_at = _FIRST_POLL_S, moved_at
        while not is_met():
            asked, done = await self._forget_done()
            if any(is_awaited(page) for page in done):
                moved_at = loop.time()
            elif loop.time() - moved_at > resend_after_s:
                lost = [page for page in asked if is_awaited(page)]
                for page in lost:
                    self._sent.pop(page, None)
                raise NotConsumed(len(lost), resend_after_s)
            elif loop.time() - max(moved_at, asked_at) > _STILL_S:
                asked_at = loop.time()
                if await given_up():
                    return False
            if not is_met():
                await asyncio.sleep(poll_s)
                poll_s = min(poll_s * _SLOWER, _LONGEST_POLL_S)
        return True

    async def _forget_done(self) -> tuple[Collection[PageId], Collection[PageId]]:
        """Ask what is outstanding. Returns: the pages that were asked about, and those of them that are done."""
        # Other sources send and wait meanwhile: only what was asked about is known to be done.
        asked = {page: sent.revision for page, sent in self._sent.items()}
        pending = set(await self._pending(asked))
        done = [page for page in asked if page not in pending]
        for page in done:
            if page in self._sent and self._sent[page].revision == asked[page]:
                del self._sent[page]
        return asked, done

    def _send(self, events: Sequence[PageEvent]) -> None:
        """Send all and wait until the broker has all; called in a thread, one at a time."""
        with self._turn:
            try:
                producer = self._connected()
                if self._is_closed:
                    raise BrokerUnavailable("this process is ending")
                sends = [
                    producer.send(
                        self._broker.topics.pages,
                        key=key_of(event.page_id),
                        value=encode_event(event),
                        headers=self._watch.headers(event),
                    )
                    for event in events
                ]
                for event, send in zip(events, sends, strict=True):
                    placed = send.get(timeout=_SEND_TIMEOUT_S)
                    self._watch.placed(event, placed.partition, placed.offset)
            except BrokerUnavailable:
                self._drop()
                raise
            except RuntimeError as error:  # as the client calls it when it is closed while it sends
                if not self._is_closed:
                    raise
                raise BrokerUnavailable("this process is ending") from error
            except (KafkaError, OSError, AssertionError) as error:
                # A producer that failed once may hold on to what it could not send: begin with a new one.
                self._drop()
                raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error

    def _missing_topic(self) -> str | None:
        topic = self._broker.topics.pages
        try:
            if self._admin is None:
                self._admin = asking_client(self._broker)
            topics = self._admin.list_topics()
        except (KafkaError, OSError) as error:
            self._drop_admin()
            raise BrokerUnavailable(f"{type(error).__name__}: {error}") from error
        return None if topic in topics else f"no topic {topic}: run `headwater topics apply`"

    def _drop_admin(self) -> None:
        admin, self._admin = self._admin, None
        if admin is not None:
            with contextlib.suppress(Exception):  # it is of no use any more, whatever it says
                admin.close()

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                **connection_of(self._broker),
                enable_idempotence=True,
                acks="all",
                max_request_size=MAX_RECORD_BYTES,
                max_block_ms=10_000,
                delivery_timeout_ms=int(_SEND_TIMEOUT_S * 1000),
                request_timeout_ms=10_000,
                linger_ms=0,
                allow_auto_create_topics=False,
            )
        return self._producer

    def _drop(self) -> None:
        producer, self._producer = self._producer, None
        if producer is None:
            return
        try:
            producer.close(timeout=_CLOSE_WITHIN_S)
        except (
            Exception
        ):  # it could not send the rest, and goes on trying unless it is told otherwise
            with contextlib.suppress(Exception):
                producer._sender.force_close()


@dataclass(frozen=True, slots=True)
class _Sent:
    """What was sent last of a page."""

    revision: Revision
    load: Load


class Asking(Generic[_Answer]):
    """Asks one blocking question at a time, in a thread; who asks while one is under way shares its answer.

    Else each look at a broker that does not answer would occupy one thread more.
    """

    def __init__(self, question: Callable[[], _Answer]) -> None:
        self._question = question
        self._under_way: asyncio.Task[_Answer] | None = None

    async def __call__(self) -> _Answer:
        """The answer. Raises: what the question raises."""
        if self._under_way is None or self._under_way.done():
            self._under_way = asyncio.ensure_future(asyncio.to_thread(self._question))
            self._under_way.add_done_callback(_hear_failure)
        return await asyncio.shield(self._under_way)


def _hear_failure(task: "asyncio.Task[Any]") -> None:
    """Nobody may be waiting for it any more."""
    if not task.cancelled():
        task.exception()


def asking_client(broker: Broker) -> KafkaAdminClient:
    """A client for short questions. Raises: KafkaError, OSError."""
    options = connection_of(broker) | {"bootstrap_timeout_ms": _ASK_TIMEOUT_MS}
    return _WholeClient(**options, request_timeout_ms=_ASK_TIMEOUT_MS)


class _WholeClient(KafkaAdminClient):  # type: ignore[misc] # kafka-python is not typed
    """One that leaves nothing behind when it does not come about: the plain one leaves a thread and its files."""

    def __init__(self, **options: Any) -> None:
        try:
            super().__init__(**options)
        except BaseException:
            self._client.close()
            self._net.stop()
            raise


def connection_of(broker: Broker) -> dict[str, Any]:
    """How kafka-python's clients reach the broker."""
    settings = broker.settings
    options: dict[str, Any] = {
        "bootstrap_servers": broker.servers,
        "security_protocol": settings.security,
        "bootstrap_timeout_ms": 5_000,
    }
    if settings.security.startswith("SASL"):
        options |= {
            "sasl_mechanism": settings.sasl_mechanism,
            "sasl_plain_username": settings.sasl_username,
            "sasl_plain_password": broker.password,
        }
    if settings.security.endswith("SSL"):
        files = {
            "ssl_cafile": settings.ca_file,
            "ssl_certfile": settings.cert_file,
            "ssl_keyfile": settings.key_file,
        }
        options |= {name: file for name, file in files.items() if file}
    return options
