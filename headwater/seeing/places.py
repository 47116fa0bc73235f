"""Whether the workers' group has lost its place in the topic of pages."""

import asyncio
import threading
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Protocol

import structlog

from headwater.metrics import Metrics
from schemas.errors import BrokerUnavailable
from stream.core.progress import Standing

_log = structlog.get_logger()

_EVERY_S, _FIRST_LOOK_S = 5.0, 5.0


class Reset(StrEnum):
    """How a group can lose its place."""

    UNREAD_GONE = "unread_gone"
    """Records were deleted before the group had read them."""
    REWOUND = "rewound"
    """The group goes on before where it had been."""
    BEYOND_END = "beyond_end"
    """The group's place is past the end: the topic is another one now, or lost its end."""
    FORGOTTEN = "forgotten"
    """The group had a place and has none any more."""


def resets_between(
    before: Mapping[int, Standing], now: Mapping[int, Standing]
) -> Iterator[tuple[int, Reset]]:
    """Each partition that the group has lost its place in since it was last looked at, with how."""
    for partition, place in now.items():
        earlier = before.get(partition)
        if (reset := _reset(earlier, place)) is not None and reset is not _reset(None, earlier):
            yield partition, reset


def _reset(before: Standing | None, now: Standing | None) -> Reset | None:
    if now is None:
        return None
    if now.committed is None:
        return Reset.FORGOTTEN if before and before.committed is not None else None
    if now.committed < now.begin:
        return Reset.UNREAD_GONE
    if now.committed > now.end:
        return Reset.BEYOND_END
    is_back = before is not None and before.committed is not None
    return Reset.REWOUND if is_back and now.committed < before.committed else None  # type: ignore[union-attr,operator] # `is_back` says so


class Places(Protocol):
    """`headwater.adapters.kafka_group.KafkaGroup`."""

    def places(self) -> Mapping[int, Standing]:
        """Raises: BrokerUnavailable."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class PlaceWatch:
    """Notices when the workers have lost their place in the topic of pages, in a thread of its own.

    That costs no page: what the ledger knows and the index lacks is sent again. But somebody should know why.
    """

    def __init__(self, places: Places, metrics: Metrics) -> None:
        self._places = places
        self._metrics = metrics
        self._known: Mapping[int, Standing] = {}
        self._has_looked, self._is_over = threading.Event(), threading.Event()
        for reason in Reset:
            metrics.resets.labels(reason=reason.value)  # there from the start, at nothing
        self._thread = threading.Thread(target=self._run, name="places", daemon=True)

    async def begin(self) -> None:
        """Look for the first time, before anything is consumed; not for long, when the broker is away."""
        self._thread.start()
        await asyncio.to_thread(self._has_looked.wait, _FIRST_LOOK_S)

    def end(self) -> None:
        """Look no more."""
        self._is_over.set()

    def look(self) -> None:
        """Look once."""
        try:
            now = self._places.places()
        except BrokerUnavailable:
            return
        for partition, reset in resets_between(self._known, now):
            self._metrics.resets.labels(reason=reset.value).inc()
            _log.error("offsets.reset", partition=partition, reason=reset.value)
        self._known = now

    def _run(self) -> None:
        while not self._is_over.is_set():
            self.look()
            self._has_looked.set()
            self._is_over.wait(_EVERY_S)
        self._places.close()
