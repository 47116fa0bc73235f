"""Drives Ray Data: texts come on stdin, vectors leave on stdout, frame by frame.

python -m index.adapters.embed.ray_data_child JOB
"""

import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, BinaryIO, NoReturn

import msgspec

from index.adapters.embed import ray_cluster
from index.adapters.embed.frames import Job, Vectors, packed_vectors, read_texts
from schemas.errors import BadVectors, EmbedderUnavailable

_CONNECT_WITHIN_S = 60.0
_MAPPERS = 2
"""One embeds while the other's vectors are on their way."""
_FRAME_TEXTS = 64
_WAITING_FRAMES = 4
_BLOCK_BYTES = 64 * 2**10
_NOTHING_OF_ITS_OWN = {"num_cpus": 0}
"""The actors of the pool hold the processors; whatever asked for one beside them would wait for ever."""


def main() -> None:
    """Embed until stdin ends. What libraries print goes to stderr."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    with os.fdopen(os.dup(1), "wb") as out:
        os.dup2(2, 1)
        leave = _connected(job)
        try:
            _embed_all(job, out)
        except Exception as error:  # this process's boundary
            lines = [line.strip() for line in str(error).splitlines() if line.strip()]
            _give_up(f"{type(error).__name__}: {' '.join(lines[-1:])}")
        leave()


def _connected(job: Job) -> Callable[[], None]:
    """Join the cluster, which would be tried for minutes where there is none. Returns: what leaves it."""
    reason = f"no answer from {job.settings.address} within {_CONNECT_WITHIN_S:g} s"
    alarm = threading.Timer(_CONNECT_WITHIN_S, _give_up, [reason])
    alarm.daemon = True
    alarm.start()
    try:
        return ray_cluster.connect(job.settings, Path(job.home))
    except EmbedderUnavailable as error:
        _give_up(error.reason)
    finally:
        alarm.cancel()


def _give_up(reason: str) -> NoReturn:
    sys.stderr.write(f"\n{reason}\n")
    sys.stderr.flush()
    os._exit(1)  # Ray's own threads may hold up an ordinary end


def _embed_all(job: Job, out: BinaryIO) -> None:
    import ray
    from ray import data

    context = data.DataContext.get_current()
    context.target_max_block_size = _BLOCK_BYTES  # so small that vectors come as they are made
    context.enable_progress_bars = False
    feed: Any = ray.remote(_Feed).options(num_cpus=0).remote()
    threading.Thread(target=_fill, args=(feed,), daemon=True).start()
    texts = data.read_datasource(
        _source(feed), override_num_blocks=_MAPPERS, ray_remote_args=_NOTHING_OF_ITS_OWN
    )
    vectors = texts.map_batches(
        _Embedding,
        fn_constructor_args=(job,),
        batch_size=job.settings.actors * _FRAME_TEXTS,
        batch_format="pyarrow",
        compute=data.ActorPoolStrategy(size=_MAPPERS),
        **_NOTHING_OF_ITS_OWN,
    )
    for batch in vectors.iter_batches(batch_size=None, batch_format="pyarrow", prefetch_batches=0):
        hashes = batch.column("hash").to_pylist()
        if hashes:
            rows = b"".join(batch.column("vector").to_pylist())
            out.write(packed_vectors(Vectors(hashes=hashes, data=rows)))
            out.flush()


def _fill(feed: Any) -> None:
    """Pass on what comes in; a frame is taken in only once there is room for it."""
    import ray

    while (texts := read_texts(sys.stdin.buffer)) is not None:
        ray.get(feed.put.remote(texts))
    ray.get(feed.put.remote(None))


class _Feed:
    """An actor between the driver and the tasks that read."""

    def __init__(self) -> None:
        self._frames: asyncio.Queue[Any] = asyncio.Queue(_WAITING_FRAMES)

    async def put(self, frame: Any) -> None:
        await self._frames.put(frame)

    async def take(self) -> Any:
        """The next frame; None at the end, for whoever asks."""
        frame = await self._frames.get()
        if frame is None:
            self._frames.put_nowait(None)
        return frame


def _source(feed: Any) -> Any:
    """What Ray Data reads from: as many tasks as there are mappers, each until the feed ends."""
    from ray.data.block import BlockMetadata
    from ray.data.datasource import Datasource, ReadTask

    class Source(Datasource):
        def estimate_inmemory_data_size(self) -> int | None:
            return None

        def get_read_tasks(self, parallelism: int, *_: Any, **__: Any) -> list[Any]:
            nothing = BlockMetadata(
                num_rows=None, size_bytes=None, input_files=None, exec_stats=None
            )
            return [ReadTask(lambda: _read(feed), nothing) for _ in range(parallelism)]

    source: Any = Source
    return source()


def _read(feed: Any) -> Iterable[Any]:
    import pyarrow
    import ray

    while (frame := ray.get(feed.take.remote())) is not None:
        hashes, texts = zip(*frame, strict=True)
        yield pyarrow.table({"hash": pyarrow.array(hashes, pyarrow.binary()), "text": list(texts)})


class _Embedding:
    """Passes batches on to the actors that hold the model."""

    def __init__(self, job: Job) -> None:
        from index.adapters.embed.ray_pool import RayPool

        self._runner = asyncio.Runner()
        self._pool = self._runner.run(RayPool.open(job.held, job.settings, lost=asyncio.Event()))

    def __call__(self, batch: Any) -> Any:
        """Texts with a bad one among them are left to the workers, which find out whose page it is."""
        import pyarrow

        texts, hashes = batch.column("text").to_pylist(), batch.column("hash").to_pylist()
        try:
            rows = [row.tobytes() for row in self._runner.run(self._pool.embed_texts(texts))]
        except BadVectors:
            hashes, rows = [], []
        binary = pyarrow.binary()
        return pyarrow.table(
            {"hash": pyarrow.array(hashes, binary), "vector": pyarrow.array(rows, binary)}
        )


if __name__ == "__main__":
    from index.adapters.embed.ray_data_child import main as importable_main

    importable_main()  # what the cluster's workers unpickle must not be in `__main__`
