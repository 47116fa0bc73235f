"""Questions embedded by a real Ray Serve on loopback, and a client that is never kept waiting."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from headwater.cluster.broker import free_port
from headwater.models import EMBED_FACTORY
from index.adapters.embed.models import ModelInfo, find_model
from index.adapters.embed.prepare import prepare_embedder
from index.adapters.embed.ray_actor import Held
from index.adapters.embed.serve_client import MODEL_HEADER, ServeClient
from index.settings import EmbeddingSettings, RaySettings
from schemas.errors import EmbedderUnavailable
from tests.support.ray_local import a_local_cluster

SETTINGS = RaySettings(address="local", cpus=1.0, replica_cpus=0.5, serve_port=free_port())
URL = f"http://127.0.0.1:{SETTINGS.serve_port}"
CACHE = Path.home() / ".cache" / "headwater"
QUESTION = "How many times is a failed task tried again?"
OTHER = "f" * 64


@pytest.fixture(scope="module")
def model() -> ModelInfo:
    found = find_model(EmbeddingSettings().model, cache_dir=CACHE)
    assert found is not None
    return found


@pytest.fixture(scope="module")
def held(model: ModelInfo, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    """The bundled model, held by Ray Serve on a cluster of the test's own."""
    held = Held(
        factory=EMBED_FACTORY,
        model=model.name,
        model_hash=model.model_hash,
        dim=model.dim,
        cache_dir=str(CACHE),
        device="cpu",
    )
    with a_local_cluster(SETTINGS, tmp_path_factory.mktemp("ray")):
        from index.adapters.embed.ray_serve import deploy

        assert deploy([held], SETTINGS)
        yield held
        shut_down()


def shut_down() -> None:
    """End Ray Serve and all that it holds."""
    from ray import serve

    untyped: Any = serve
    untyped.shutdown()


@asynccontextmanager
async def a_client(url: str = URL, *, timeout_s: float = 10.0) -> AsyncIterator[ServeClient]:
    client = ServeClient(url, timeout_s=timeout_s)
    try:
        yield client
    finally:
        await client.close()


def test_a_question_has_the_vector_that_it_has_in_process(held: Held, model: ModelInfo) -> None:
    async def play() -> float:
        ours = await prepare_embedder(model.name, cache_dir=CACHE, device="cpu", say=lambda _: None)
        async with ours, a_client() as client:
            there = await client.embed_query(QUESTION, model_hash=held.model_hash, dim=held.dim)
            assert await client.ready(held.model_hash) is None
            return float(there @ await ours.embed_query(QUESTION))

    assert asyncio.run(play()) >= 0.999


def test_another_model_than_the_one_held_is_refused(held: Held) -> None:
    async def play() -> str | None:
        async with a_client() as client:
            with pytest.raises(EmbedderUnavailable, match="does not hold the model"):
                await client.embed_query(QUESTION, model_hash=OTHER, dim=held.dim)
            return await client.ready(OTHER)

    assert OTHER[:16] in (asyncio.run(play()) or "")


@pytest.mark.usefixtures("held")
def test_s33_nothing_of_ray_serve_listens_but_on_loopback() -> None:
    listening = {
        (process.name(), connection.laddr.ip)
        for process in psutil.Process().children(recursive=True)
        if process.name().startswith("ray::Serve") or process.name().startswith("ray::Proxy")
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    }

    assert any(name.startswith("ray::ServeReplica") for name, _ in listening)
    assert {ip for _, ip in listening} <= {"127.0.0.1", "::1", "::ffff:127.0.0.1"}


def test_what_is_deployed_already_stays(held: Held) -> None:
    """What has gone is deployed again: see `test_cluster.py`."""
    from index.adapters.embed.ray_serve import deploy

    assert not deploy([held], SETTINGS)


@asynccontextmanager
async def a_proxy(answer: bytes | None) -> AsyncIterator[str]:
    """Something that takes questions and answers with these bytes, or never. Yields: its URL."""

    is_over = asyncio.Event()
    serving: list[asyncio.Task[None]] = []

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        if answer is None:
            await is_over.wait()
        else:
            writer.write(answer)
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        serving.append(asyncio.get_running_loop().create_task(take(reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        is_over.set()
        await asyncio.wait(serving)


def answered(body: bytes, model_hash: str = OTHER) -> bytes:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n{MODEL_HEADER}: {model_hash}\r\n\r\n"
    return head.encode() + body


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (answered(np.ones(4, "<f4").tobytes(), "0" * 64), "holds the model 0000"),
        (answered(np.ones(4, "<f4").tobytes()), "length of vector 0 is not 1"),
        (answered(np.full(4, np.nan, "<f4").tobytes()), "not a finite number"),
        (answered(np.ones(3, "<f4").tobytes()), "shape"),
        (answered(b"odd"), "3 bytes"),
        (b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n", "answered 500"),
        (b"no HTTP\r\n\r\n", "RemoteProtocolError"),
    ],
)
def test_r27_what_is_no_vector_of_the_model_is_refused(answer: bytes, reason: str) -> None:
    async def play() -> None:
        async with a_proxy(answer) as url, a_client(url) as client:
            await client.embed_query(QUESTION, model_hash=OTHER, dim=4)

    with pytest.raises(EmbedderUnavailable, match=reason):
        asyncio.run(play())


def test_a_proxy_that_never_answers_keeps_one_question_waiting_and_not_the_next() -> None:
    async def play() -> float:
        clock = asyncio.get_running_loop().time
        async with a_proxy(None) as url, a_client(url, timeout_s=0.3) as client:
            for _ in range(2):
                start_s = clock()
                with pytest.raises(EmbedderUnavailable):
                    await client.embed_query(QUESTION, model_hash=OTHER, dim=4)
            return clock() - start_s

    assert asyncio.run(play()) < 0.2


def test_a_proxy_that_is_not_there_is_told() -> None:
    async def play() -> str | None:
        async with a_client(f"http://127.0.0.1:{free_port()}") as client:
            return await client.ready(OTHER)

    assert "ConnectError" in (asyncio.run(play()) or "")
