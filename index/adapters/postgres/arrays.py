"""Arrays as statements take them.

The driver chooses the type of a list by what is in it, so that one statement has many types and is planned anew for
each; these have one type each, empty or not. They are packed at once, which costs a tenth of packing value by value.
"""

import struct
from collections.abc import Sequence
from itertools import chain

from psycopg import postgres
from psycopg.abc import AdaptContext
from psycopg.adapt import Dumper
from psycopg.pq import Format


class Int4s(tuple[int, ...]):
    """An `int[]`."""


class Texts(tuple[str, ...]):
    """A `text[]`."""


class Bytes(tuple[bytes, ...]):
    """A `bytea[]`."""


class _Int4sDumper(Dumper):
    format = Format.BINARY
    oid = postgres.types["int4"].array_oid

    def dump(self, obj: Int4s) -> bytes:
        pairs = [4] * (2 * len(obj))
        pairs[1::2] = obj
        return _head("int4", len(obj)) + struct.pack(f">{len(pairs)}i", *pairs)


class _TextsDumper(Dumper):
    format = Format.BINARY
    oid = postgres.types["text"].array_oid

    def dump(self, obj: Texts) -> bytes:
        return _head("text", len(obj)) + _packed([text.encode() for text in obj])


class _BytesDumper(Dumper):
    format = Format.BINARY
    oid = postgres.types["bytea"].array_oid

    def dump(self, obj: Bytes) -> bytes:
        return _head("bytea", len(obj)) + _packed(obj)


def register_arrays(context: AdaptContext) -> None:
    """Have a connection take them."""
    if context.adapters is not None:
        for kind, dumper in ((Int4s, _Int4sDumper), (Texts, _TextsDumper), (Bytes, _BytesDumper)):
            context.adapters.register_dumper(kind, dumper)


def _head(of: str, count: int) -> bytes:
    """One dimension that counts from 1, or none; no nulls. Source: `array_send` of Postgres."""
    oid = postgres.types[of].oid
    if not count:
        return struct.pack(">iiI", 0, 0, oid)
    return struct.pack(">iiIii", 1, 0, oid, count, 1)


def _packed(values: Sequence[bytes]) -> bytes:
    return b"".join(chain.from_iterable((len(value).to_bytes(4, "big"), value) for value in values))
