"""What goes through the pipes between a process and its child that drives Ray Data: texts there, vectors back."""

import struct
from asyncio import StreamReader
from collections.abc import Sequence
from typing import BinaryIO

import msgspec
import numpy as np
from numpy.typing import NDArray

from index.adapters.embed.ray_actor import Held
from index.settings import RaySettings

_HEAD = struct.Struct(">I")
_Texts = list[tuple[bytes, str]]


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """What a child is to do."""

    held: Held
    settings: RaySettings
    home: str


class Vectors(msgspec.Struct, frozen=True, kw_only=True):
    """Vectors by the hashes of their texts: float32, one after another."""

    hashes: list[bytes]
    data: bytes

    def array(self) -> NDArray[np.float32]:
        """Shape (n, dim)."""
        rows: NDArray[np.float32] = np.frombuffer(self.data, dtype=np.float32)
        return rows.reshape(len(self.hashes), -1)


def packed_texts(texts: Sequence[tuple[bytes, str]]) -> bytes:
    """A frame of texts."""
    return _framed(msgspec.msgpack.encode(list(texts)))


def packed_vectors(vectors: Vectors) -> bytes:
    """A frame of vectors."""
    return _framed(msgspec.msgpack.encode(vectors))


def read_texts(pipe: BinaryIO) -> _Texts | None:
    """The next frame of texts; None at the end."""
    head = pipe.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    body = pipe.read(_HEAD.unpack(head)[0])
    return msgspec.msgpack.decode(body, type=_Texts)


async def read_vectors(pipe: StreamReader) -> Vectors | None:
    """The next frame of vectors; None at the end. Raises: IncompleteReadError, when it breaks off within one."""
    head = await pipe.read(_HEAD.size)
    if not head:
        return None
    head += await pipe.readexactly(_HEAD.size - len(head))
    body = await pipe.readexactly(_HEAD.unpack(head)[0])
    return msgspec.msgpack.decode(body, type=Vectors)


def _framed(body: bytes) -> bytes:
    return _HEAD.pack(len(body)) + body
