"""A plain proxy of an OpenAI API: what comes is sent on, byte for byte.

`python -m bench.pass_through BASE` prints its port.
"""

import asyncio
import socket
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import uvicorn

_Send = Callable[[dict[str, Any]], Awaitable[None]]
_Receive = Callable[[], Awaitable[dict[str, Any]]]


class PassThrough:
    """The ASGI app: it reads the request whole, and passes the answer on as it comes."""

    def __init__(self, base: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=base, timeout=120, limits=httpx.Limits(max_connections=None)
        )

    async def __call__(self, scope: dict[str, Any], receive: _Receive, send: _Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            return
        body, is_more = b"", True
        while is_more:
            part = await receive()
            body, is_more = body + part.get("body", b""), part.get("more_body", False)
        async with self._client.stream(scope["method"], scope["path"], content=body) as answer:
            kind = answer.headers["content-type"].encode()
            head = {"status": answer.status_code, "headers": [(b"content-type", kind)]}
            await send({"type": "http.response.start", **head})
            async for part_of_it in answer.aiter_raw():
                await send({"type": "http.response.body", "body": part_of_it, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _serve(base: str) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201 - what its parent waits for
        config = uvicorn.Config(PassThrough(base), log_level="warning", lifespan="off")
        await uvicorn.Server(config).serve([listening])


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))
