"""Conversations in Postgres."""

from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

from index.adapters.postgres.database import Database
from index.adapters.postgres.statements import statement
from schemas.answers import Turn

_PRUNED_AT_ONCE = 200


class PostgresConversations:
    """`api.core.ports.Conversations`: the last `turns` of each, no older than `age`."""

    def __init__(self, database: Database, *, turns: int, age: timedelta) -> None:
        self._database = database
        self._bounds = {"turns": turns, "age": age, "most": _PRUNED_AT_ONCE}

    async def past(self, conversation_id: str) -> Sequence[Turn]:
        """The last turns, oldest first; none where the id is not known. Raises: StoreUnavailable."""
        values = self._bounds | {"conversation": _key(conversation_id)}
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("read_turns"), values)
            rows = await cursor.fetchall()
        return [Turn(question=question, answer=answer) for question, answer in reversed(rows)]

    async def add(self, conversation_id: str, turn: Turn) -> None:
        """Keep a turn, and forget some of what is past its time. Raises: StoreUnavailable."""
        values = self._bounds | {
            "conversation": _key(conversation_id),
            "question": turn.question,
            "answer": turn.answer,
        }
        async with self._database.transaction() as cursor:
            await cursor.execute(statement("insert_turn"), values)
            await cursor.execute(statement("prune_turns"), values)


def _key(conversation_id: str) -> bytes:
    return sha256(conversation_id.encode()).digest()
