"""Runs an app on a socket of its own until told to stop."""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass
from uuid import uuid4

import h11
import uvicorn
from litestar import Litestar
from litestar.types import Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

from headwater.problems import MEDIA_TYPE, RETRY_AFTER_S, problem, problem_bytes
from schemas.answers import Problem
from schemas.errors import WrongUse


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """How long a client may take, and how much it may open.

    `head_timeout_s` bounds the time from connecting, or from the last answer, until a request's
    head is there; what a client goes on sending after its answer is read and dropped for as long.
    """

    head_timeout_s: float = 10.0
    keep_alive_s: int = 5
    graceful_s: int = 10
    max_head_bytes: int = 16 * 1024
    max_connections: int = 512


async def serve(
    app: Litestar,
    *,
    host: str,
    port: int,
    stop: asyncio.Event,
    announce: Callable[[int], None] | None = None,
) -> None:
    """Answer requests at `host` until `stop` is set; then finish those under way, for at most 10 s.

    Port 0 takes a free one; `announce` hears which once requests are answered. Signals are left
    to the caller. Raises: WrongUse when the address cannot be taken.
    """
    with bind(host, port) as listening:
        taken = listening.getsockname()[1]
        await serve_on(
            listening, app, stop=stop, started=lambda: announce(taken) if announce else None
        )


def bind(host: str, port: int) -> socket.socket:
    """A listening socket. Raises: WrongUse."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With its protocol named, asyncio knows it for TCP and sends small answers at once; else each
    # one on a connection kept alive waits some 40 ms for the client's acknowledgement.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind((host, port))
        listening.listen()
    except (OSError, OverflowError) as error:
        listening.close()
        is_taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        reason = "it is in use; port 0 takes a free one" if is_taken else error
        raise WrongUse(f"cannot listen on {host} port {port}: {reason}") from error
    return listening


async def serve_on(
    listening: socket.socket,
    app: Litestar,
    *,
    stop: asyncio.Event,
    started: Callable[[], None],
    limits: ServerLimits | None = None,
) -> None:
    """Answer requests that come to `listening`, inside the app's lifespan, until `stop` is set."""
    server = _Server(_config(app, limits or ServerLimits()), started)
    async with app.lifespan():
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(server.serve(sockets=[listening]))
                await stop.wait()
                server.should_exit = True
        finally:
            server.drop_connections()


class _Server(uvicorn.Server):
    """uvicorn without its signal handlers: the process has its own."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None]) -> None:
        super().__init__(config)
        self.servers = []
        self._announce = started

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Capture none."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then say so."""
        await super().startup(sockets)
        self._announce()

    def drop_connections(self) -> None:
        """Close whatever a stop in time has left open."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()


def _config(app: Litestar, limits: ServerLimits) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        http=_protocol(limits),
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=limits.keep_alive_s,
        timeout_graceful_shutdown=limits.graceful_s,
        h11_max_incomplete_event_size=limits.max_head_bytes,
    )


def _protocol(limits: ServerLimits) -> type[asyncio.Protocol]:
    return type("BoundedProtocol", (_BoundedProtocol,), {"limits": limits})


async def _answer_full(_scope: Scope, _receive: Receive, send: Send) -> None:
    """The app of a connection that is one too many."""
    told = problem(503, "there are too many connections at the moment", uuid4().hex)
    headers = [*_headers(told), ("Retry-After", str(RETRY_AFTER_S))]
    raw = [(name.lower().encode(), value.encode()) for name, value in headers]
    await send({"type": "http.response.start", "status": told.status, "headers": raw})
    await send({"type": "http.response.body", "body": problem_bytes(told), "more_body": False})


def _headers(told: Problem) -> list[tuple[str, str]]:
    return [
        ("Content-Type", MEDIA_TYPE),
        ("Content-Length", str(len(problem_bytes(told)))),
        ("X-Request-Id", told.request_id),
        ("Connection", "close"),
    ]


class _BoundedProtocol(H11Protocol):
    """HTTP/1.1 with a deadline for heads.

    uvicorn bounds the pause between two requests alone: a head, or a body that nobody reads any
    more, could come in byte by byte for ever.
    """

    limits: ServerLimits
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._arm()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._arm()

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        super().connection_lost(exc)

    def handle_events(self) -> None:
        """Answer all that is over the limit with a problem; uvicorn's own limit has a plain text for it."""
        is_full = len(self.connections) >= self.limits.max_connections
        self.app = _answer_full if is_full else self.config.loaded_app
        super().handle_events()

    def send_400_response(self, msg: str) -> None:
        """Say what every error says; uvicorn's own text would be the one plain answer."""
        told = problem(400, "this is no HTTP request", uuid4().hex)
        for event in (
            h11.Response(status_code=told.status, headers=_headers(told)),
            h11.Data(data=problem_bytes(told)),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()

    def _arm(self) -> None:
        self._disarm()
        self._deadline = self.loop.call_later(self.limits.head_timeout_s, self._expire)

    def _disarm(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()

    def _expire(self) -> None:
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()
