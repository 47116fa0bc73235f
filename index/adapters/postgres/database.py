"""The connection pool, and the one place where driver errors become ours."""

import asyncio
import select
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

import psycopg
from pgvector.psycopg import register_vector_async
from psycopg import AsyncConnection, AsyncCursor, sql
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from index.adapters.postgres.arrays import register_arrays
from schemas.errors import StoreRefused, StoreUnavailable
from schemas.ids import SourceName

_OPTIONS = " ".join(
    (
        "-c hnsw.iterative_scan=relaxed_order",
        # The nearest hundred of 12,000 real vectors: 97 of them are found with 100, 98.8 with 200, in 0.5 ms more.
        "-c hnsw.ef_search=200",
        "-c jit=off",
        "-c timezone=UTC",
        "-c lock_timeout=20s",
        "-c statement_timeout=120s",
        "-c idle_in_transaction_session_timeout=60s",
    )
)
_CONNECT_TIMEOUT_S = 5.0
_PASSING = (
    psycopg.errors.ReadOnlySqlTransaction,  # a server that is just being switched over
    psycopg.errors.IdleInTransactionSessionTimeout,  # this process was stopped for a minute
)

Connection = AsyncConnection[TupleRow]
Cursor = AsyncCursor[TupleRow]


class Database:
    """A pool of connections to one Postgres."""

    def __init__(self, conninfo: str, *, max_size: int = 8) -> None:
        self.conninfo = psycopg.conninfo.make_conninfo(
            conninfo, options=_OPTIONS, connect_timeout=5
        )
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            self.conninfo,
            min_size=1,
            max_size=max_size,
            open=False,
            timeout=_CONNECT_TIMEOUT_S,
            reconnect_timeout=3.0,  # after that the next request tries anew at once
            configure=_configure,
            check=_check,
            kwargs={"autocommit": True},
        )

    async def open(self) -> Self:
        """Connect. Raises: StoreUnavailable within seconds when nothing answers."""
        with _translated():
            await self._pool.open(wait=True, timeout=_CONNECT_TIMEOUT_S)
        return self

    async def close(self) -> None:
        await self._pool.close(timeout=5.0)

    @asynccontextmanager
    async def transaction(self, *, snapshot: bool = False) -> AsyncIterator[Cursor]:
        """One transaction, committed at the end of the block; `snapshot` gives all its reads one state.

        Raises: StoreUnavailable for whatever the connection or the server fails at; StoreRefused.
        """
        async with self.statement() as cursor, _begun(cursor.connection, snapshot=snapshot):
            yield cursor

    @asynccontextmanager
    async def statement(self) -> AsyncIterator[Cursor]:
        """For one statement that is a transaction of its own: committed with its answer, in one round trip.

        Raises: StoreUnavailable for whatever the connection or the server fails at; StoreRefused.
        """
        before = _cancellations()
        with _translated():
            async with self._pool.connection() as connection, connection.cursor(binary=True) as own:
                yield own
        if _cancellations() > before:
            # Python 3.11's `wait_for`, which the driver waits with, loses one that comes with the answer.
            raise asyncio.CancelledError

    async def maintain(self, commands: Sequence[sql.Composed]) -> None:
        """Run commands that no transaction may hold, one by one, for as long as they take.

        Raises: StoreUnavailable.
        """
        async with self.unattended() as connection:
            for command in commands:
                await connection.execute(command)

    @asynccontextmanager
    async def unattended(self) -> AsyncIterator[Connection]:
        """A connection on which each command is a transaction of its own and may take as long as it takes.

        Raises: StoreUnavailable.
        """
        with _translated():
            async with self._pool.connection() as connection:
                try:
                    await connection.execute("SET statement_timeout = 0")
                    yield connection
                finally:
                    if not connection.closed:
                        await connection.execute("RESET statement_timeout")

    async def ping(self) -> None:
        """Raises: StoreUnavailable when the server does not answer."""
        async with self.transaction() as cursor:
            await cursor.execute("SELECT 1")

    async def is_writable(self) -> bool:
        """Whether the server takes writes: one on standby, or whose disk is full, may be set to refuse them.

        Raises: StoreUnavailable.
        """
        async with self.transaction() as cursor:
            await cursor.execute(
                "SELECT pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'"
            )
            row = await cursor.fetchone()
        return not (row and row[0])

    async def source_id(self, cursor: Cursor, source: SourceName) -> int:
        """The number that rows use for a source, made at its first mention; it never changes."""
        known = await self._find_source(cursor, source)
        if (
            known is None
        ):  # looked for first: an insert that conflicts would use up a number each time
            await cursor.execute(
                "INSERT INTO source (name) VALUES (%s) ON CONFLICT (name) DO NOTHING", (source,)
            )
            known = await self._find_source(cursor, source)
        if known is None:
            raise StoreUnavailable(f"source {source} vanished while it was being made")
        return known

    async def _find_source(self, cursor: Cursor, source: SourceName) -> int | None:
        await cursor.execute("SELECT source_id FROM source WHERE name = %s", (source,))
        row = await cursor.fetchone()
        return int(row[0]) if row else None


async def _configure(connection: AsyncConnection[Any]) -> None:
    await register_vector_async(connection)
    # Where a parallel worker loads the library first, what was set of it above is lost to its leader.
    await connection.execute("SELECT '[1]'::vector")
    register_arrays(connection)


@asynccontextmanager
async def _begun(connection: Connection, *, snapshot: bool) -> AsyncIterator[None]:
    """One transaction; what it is like is said as it begins, in the same round trip."""
    if snapshot:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.set_read_only(True)
    try:
        async with connection.transaction():
            yield
    finally:
        if snapshot and not connection.closed:
            await connection.set_isolation_level(None)
            await connection.set_read_only(None)


async def _check(connection: AsyncConnection[Any]) -> None:
    """Notice that the server has ended this connection, without asking it: its last words or its end are there to read.

    A server that says nothing would not answer a question either.
    """
    unread = select.poll()
    unread.register(connection.pgconn.socket, select.POLLIN)
    while unread.poll(0):
        connection.pgconn.consume_input()


def _cancellations() -> int:
    """How often this task was cancelled; 3.11's `TaskGroup` leaves some standing that have been dealt with."""
    task = asyncio.current_task()
    return task.cancelling() if task is not None else 0


class _translated:
    """Turn the driver's errors into the store's."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        if isinstance(error, psycopg.errors.ProgramLimitExceeded):
            raise StoreRefused(str(error).splitlines()[0]) from error
        if isinstance(error, psycopg.OperationalError | psycopg.InterfaceError | PoolTimeout):
            raise StoreUnavailable(
                str(error).splitlines()[0] if str(error) else type(error).__name__
            ) from error
        if isinstance(error, _PASSING):
            raise StoreUnavailable(str(error)) from error
