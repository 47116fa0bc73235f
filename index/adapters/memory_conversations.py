"""Conversations in memory."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from schemas.answers import Turn


class MemoryConversations:
    """`api.core.ports.Conversations`: the last `turns` of each, no older than `age` by the clock `now`."""

    def __init__(
        self,
        *,
        turns: int,
        age: timedelta,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._turns = turns
        self._age = age
        self._now = now
        self._kept: dict[str, list[tuple[datetime, Turn]]] = {}

    async def past(self, conversation_id: str) -> Sequence[Turn]:
        """See `Conversations`."""
        since = self._now() - self._age
        kept = self._kept.get(conversation_id, [])[-self._turns :]
        return [turn for at, turn in kept if at > since]

    async def add(self, conversation_id: str, turn: Turn) -> None:
        """See `Conversations`."""
        self._kept.setdefault(conversation_id, []).append((self._now(), turn))
