"""A double of the OpenAI API as a process of its own: it says what stands in the sections it is shown, at a set rate.

`python -m bench.double RATE MOST TOKENS` prints its port. What it says are at most MOST sentences of the sections, each
once and with its number: all of it holds. One is TOKENS pieces long, of which RATE come a second; 0 says them at once.
`GET /calls` tells when, on the machine's monotonic clock, each request for a completion had come in whole; `GET /last`
gives the last one back.
"""

import asyncio
import json
import re
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

_SENTENCE = re.compile(r"[A-Z][^.!?\n`|]{20,160}[.](?=\s|$)")
_MARK = re.compile(r"lines with the mark (\w+)")
_MOST = 1_000


@dataclass(frozen=True, slots=True)
class Double:
    """The running double."""

    base_url: str
    client: httpx.Client

    def calls(self) -> list[float]:
        """When each request for a completion came, probes of its health left out."""
        called: list[float] = self.client.get("/calls").json()
        return called

    def last(self) -> dict[str, object]:
        """The last request for a completion."""
        body: dict[str, object] = self.client.get("/last").json()
        return body


@contextmanager
def a_double(*, rate: float = 0.0, most: int = _MOST, tokens: int = 1) -> Iterator[Double]:
    """Run it while the block runs; it says `rate` tokens a second, `tokens` to each of at most `most` sentences."""
    command = [sys.executable, "-m", "bench.double", str(rate), str(most), str(tokens)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            base = f"http://127.0.0.1:{port_of(process)}"
            with httpx.Client(base_url=base, timeout=60) as client:
                yield Double(f"{base}/v1", client)
        finally:
            process.terminate()


def port_of(process: "subprocess.Popen[str]") -> int:
    """What a helper prints first. Raises: SystemExit where it ended instead."""
    line = process.stdout.readline().strip() if process.stdout else ""
    if not line:
        raise SystemExit("a helper of the benchmark ended at once")
    return int(line)


def llm_toml(double: Double, **more: object) -> str:
    """Its `[[llm]]`, for the cheap role."""
    lines = [f"{key} = {value}" for key, value in more.items()]
    lines = ['role = "cheap"', f'base_url = "{double.base_url}"', 'model = "double"', *lines]
    return "\n".join(["[[llm]]", *lines, ""])


def sentences_of(messages: list[Mapping[str, str]]) -> list[str]:
    """Sentences of the sections that these messages show, each once, with the number of its section."""
    mark = _MARK.search(messages[0]["content"])
    if mark is None:
        return ["Yes."]
    found: dict[str, str] = {}
    for block in re.split(rf"^{mark[1]} ", messages[-1]["content"], flags=re.MULTILINE)[1:]:
        number = re.match(r"\[(\d+)\]", block)
        for sentence in _SENTENCE.findall(block.partition("\n")[2]) if number else ():
            found.setdefault(sentence, f"{sentence[:-1]} [{number[1]}]. " if number else "")
    return list(found.values()) or ["NO_ANSWER"]


@dataclass
class _Serving:
    rate: float
    most: int
    tokens: int
    calls: list[float] = field(default_factory=list)
    last: dict[str, Any] = field(default_factory=dict)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode()
                length = re.search(r"content-length: *(\d+)", head, re.IGNORECASE)
                body = await reader.readexactly(int(length[1]) if length else 0)
                await self._reply(head.split(" ")[1], body, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            writer.close()

    async def _reply(self, path: str, body: bytes, writer: asyncio.StreamWriter) -> None:
        if not path.endswith("/chat/completions"):
            known = {"/calls": self.calls, "/last": self.last}
            text = json.dumps(known.get(path, {"object": "list", "data": []}))
            head = (
                f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(text)}"
            )
            writer.write(f"{head}\r\n\r\n{text}".encode())
            return await writer.drain()
        came_s = time.monotonic()
        asked = json.loads(body)
        if asked.get("max_tokens") != 1:  # not whether it is up
            self.calls.append(came_s)
            self.last = asked
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        due_s = came_s
        said = sentences_of(asked["messages"])[: self.most]
        for text in (token for sentence in said for token in _tokens(sentence, self.tokens)):
            due_s += 1 / self.rate if self.rate else 0
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            await _send(writer, _chunk({"delta": {"content": text}}))
        await _send(writer, _chunk({"delta": {}, "finish_reason": "stop"}))
        await _send(writer, "[DONE]")
        writer.write(b"0\r\n\r\n")
        await writer.drain()
        return None


def _tokens(sentence: str, count: int) -> list[str]:
    size = -(-len(sentence) // count)
    return [sentence[at : at + size] for at in range(0, len(sentence), size)]


def _chunk(choice: Mapping[str, object]) -> str:
    chunk = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "double"}
    return json.dumps(chunk | {"choices": [{"index": 0, **choice}]})


async def _send(writer: asyncio.StreamWriter, text: str) -> None:
    data = f"data: {text}\n\n".encode()
    writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()


async def _serve(serving: _Serving) -> None:
    server = await asyncio.start_server(serving.connected, "127.0.0.1", 0, limit=2**22)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201 - what its parent waits for
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(_Serving(float(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))))
