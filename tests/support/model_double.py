"""A scripted double of the OpenAI API over real HTTP, for the faults that no real model can be made to have."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

Script = Callable[["Exchange"], Awaitable[None]]
"""Answers one request for a completion."""


@dataclass
class Exchange:
    """One request as the double has it, and the means to answer it."""

    body: dict[str, Any]
    writer: asyncio.StreamWriter
    gone: asyncio.Event
    is_silent: bool = False
    """Whether all was said that will be, and the caller has not left."""

    async def head(self, status: int = 200, kind: str = "text/event-stream", **more: str) -> None:
        """Send the head; the body ends with the connection."""
        lines = [f"HTTP/1.1 {status} Scripted", f"Content-Type: {kind}", "Connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in more.items()]
        await self.send("\r\n".join([*lines, "", ""]))

    async def send(self, text: str) -> None:
        """Send bytes as they are."""
        self.writer.write(text.encode())
        await self.writer.drain()

    async def event(self, **choice: Any) -> None:
        """Send one chunk with one choice."""
        chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "double"}
        await self.send(f"data: {json.dumps(chunk | {'choices': [{'index': 0} | choice]})}\n\n")

    async def text(self, *pieces: str) -> None:
        """Send pieces of text."""
        for piece in pieces:
            await self.event(delta={"content": piece})

    async def done(self, reason: str = "stop", usage: dict[str, int] | None = None) -> None:
        """End the reply as a server does."""
        await self.event(delta={}, finish_reason=reason)
        if usage is not None:
            await self.send(f"data: {json.dumps({'id': 'c', 'choices': [], 'usage': usage})}\n\n")
        await self.send("data: [DONE]\n\n")

    async def problem(self, status: int, body: object, **headers: str) -> None:
        """Answer with a JSON error."""
        await self.head(status, "application/json", **headers)
        await self.send(json.dumps(body))


def says(*pieces: str, usage: dict[str, int] | None = None, reason: str = "stop") -> Script:
    """Replies with this text."""

    async def script(exchange: Exchange) -> None:
        await exchange.head()
        await exchange.text(*pieces)
        await exchange.done(reason, usage)

    return script


def fails(status: int, body: object = None, **headers: str) -> Script:
    """Replies with an error."""

    async def script(exchange: Exchange) -> None:
        await exchange.problem(status, body or {"error": {"message": "scripted"}}, **headers)

    return script


def hangs(*pieces: str) -> Script:
    """Says this much, then nothing until the caller leaves. Without any, not even the head."""

    async def script(exchange: Exchange) -> None:
        if pieces:
            await exchange.head()
            await exchange.text(*pieces)
        exchange.is_silent = True
        await exchange.gone.wait()

    return script


def sends(raw: str, kind: str = "text/event-stream") -> Script:
    """Replies with these bytes, then closes."""

    async def script(exchange: Exchange) -> None:
        await exchange.head(kind=kind)
        await exchange.send(raw)

    return script


@dataclass
class Double:
    """The running double: answers with the scripts in turn, the last of them for ever."""

    scripts: list[Script] = field(default_factory=list)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    models: object = field(default_factory=lambda: {"object": "list", "data": []})
    gone: int = 0
    """How many callers have left before their reply had ended."""
    port: int = 0
    gone_at: list[float] = field(default_factory=list)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def calls(self) -> int:
        """Completions asked for."""
        return len(self.bodies)

    @property
    def is_silent(self) -> bool:
        """Whether some caller waits for what will not be said."""
        return any(exchange.is_silent for exchange in self.exchanges)

    def play(self, *scripts: Script) -> None:
        """Answer with these from now on."""
        self.scripts = list(scripts)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection, of one request."""
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            await self._reply(head, reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _reply(
        self, head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        length = next(
            (
                int(line.split(":")[1])
                for line in head.lower().splitlines()
                if line.startswith("content-length")
            ),
            0,
        )
        body = await reader.readexactly(length)
        exchange = Exchange(json.loads(body or b"{}"), writer, asyncio.Event())
        if "/chat/completions" not in head.partition("\r\n")[0]:
            known = "/models" in head.partition("\r\n")[0]
            await exchange.problem(200 if known else 404, self.models if known else {})
            return
        self.bodies.append(exchange.body)
        self.exchanges.append(exchange)
        script = self.scripts.pop(0) if len(self.scripts) > 1 else self.scripts[0]
        watching = asyncio.ensure_future(self._watch(reader, exchange.gone))
        playing = asyncio.ensure_future(script(exchange))
        await asyncio.wait([watching, playing], return_when=asyncio.FIRST_COMPLETED)
        if not playing.done() or exchange.gone.is_set():
            self.gone += 1
            self.gone_at.append(asyncio.get_running_loop().time())
        for task in (watching, playing):
            task.cancel()
        await asyncio.gather(watching, playing, return_exceptions=True)

    async def _watch(self, reader: asyncio.StreamReader, gone: asyncio.Event) -> None:
        await reader.read()
        gone.set()


@contextmanager
def a_double(*scripts: Script, port: int = 0) -> Iterator[Double]:
    """A double on a port of its own, in a thread of its own."""
    double = Double(list(scripts) or [says("")])
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def start() -> asyncio.Server:
        return await asyncio.start_server(double.answer, "127.0.0.1", port)

    async def stop() -> None:
        server.close()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    server = asyncio.run_coroutine_threadsafe(start(), loop).result(10)
    double.port = server.sockets[0].getsockname()[1]
    try:
        yield double
    finally:
        asyncio.run_coroutine_threadsafe(stop(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def texts_of(bodies: Sequence[dict[str, Any]]) -> str:
    """All that was sent to the model."""
    return "\n".join(message["content"] for body in bodies for message in body["messages"])
