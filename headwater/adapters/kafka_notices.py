"""Notices to Kafka: one try each, so that a topic or broker that takes none holds up nothing."""

import contextlib
import time
from collections.abc import Sequence
from typing import Any

from kafka import KafkaProducer
from kafka.errors import KafkaError

from headwater.seeing.notices import INDEXED, PARKED, Letter
from ingest.adapters.kafka import connection_of
from schemas.broker import Broker
from schemas.topics import MAX_RECORD_BYTES

_ASK_MS, _SEND_S = 2_000, 3.0
_LINGER_MS = 10
"""So that letters that are sent together travel together, though they are handed over one by one."""
_PAUSE_S = 15.0
"""A topic that took nothing is left alone for so long: trying costs seconds, which the other topic waits for."""


class KafkaPost:
    """`headwater.seeing.notices.Post`. Used by one thread."""

    def __init__(self, broker: Broker) -> None:
        self._broker = broker
        self._topics = {INDEXED: broker.topics.indexed, PARKED: broker.topics.parked}
        self._producer: KafkaProducer | None = None
        self._left_alone_until_s: dict[str, float] = {}

    def send(self, letters: Sequence[Letter]) -> Sequence[bool]:
        """See `Post.send`."""
        futures = [self._begin(letter) for letter in letters]
        deadline_s = time.monotonic() + _SEND_S
        arrived = [
            self._has_arrived(future, letter, deadline_s)
            for future, letter in zip(futures, letters, strict=True)
        ]
        if not all(arrived) and any(future is not None for future in futures):
            self.close()  # one that failed may hold on to what it could not send
        return arrived

    def close(self) -> None:
        """See `Post.close`."""
        producer, self._producer = self._producer, None
        if producer is not None:
            with contextlib.suppress(Exception):  # it is of no use any more, whatever it says
                producer.close(timeout=1.0)

    def _begin(self, letter: Letter) -> Any:
        """Returns: what tells whether it arrives; None where it was not even begun."""
        if time.monotonic() < self._left_alone_until_s.get(letter.about, 0.0):
            return None
        try:
            return self._connected().send(
                self._topics[letter.about], key=letter.key, value=letter.value
            )
        except (KafkaError, OSError, AssertionError):
            self._leave_alone(letter)
            return None

    def _has_arrived(self, future: Any, letter: Letter, deadline_s: float) -> bool:
        if future is None:
            return False
        try:
            future.get(timeout=max(0.0, deadline_s - time.monotonic()))
        except (KafkaError, OSError, AssertionError):
            self._leave_alone(letter)
            return False
        return True

    def _leave_alone(self, letter: Letter) -> None:
        self._left_alone_until_s[letter.about] = time.monotonic() + _PAUSE_S

    def _connected(self) -> KafkaProducer:
        if self._producer is None:
            self._producer = KafkaProducer(
                **connection_of(self._broker) | {"bootstrap_timeout_ms": _ASK_MS},
                enable_idempotence=False,
                acks=1,
                retries=0,
                max_request_size=MAX_RECORD_BYTES,
                max_block_ms=_ASK_MS,
                delivery_timeout_ms=int(_SEND_S * 1000),
                request_timeout_ms=_ASK_MS,
                linger_ms=_LINGER_MS,
                allow_auto_create_topics=False,
            )
        return self._producer
