"""Where a Faust consumer believes it is in a partition, held against how long the partition's log really is."""

import contextlib
from collections.abc import Collection
from typing import Any

import structlog

_log = structlog.get_logger()


async def begin_shrunken_logs(consumer: Any) -> Collection[Any]:
    """Read those partitions from their start that hold less than was acknowledged of them. Returns: which.

    A topic that was made anew, restored or truncated leaves acknowledgements beyond its end. The client then begins
    at the start, but Faust passes over all that lies below the acknowledged offset, and would for ever.
    """
    shrunken = [part for part in _assigned(consumer) if _is_shrunken(consumer, part)]
    for part, start in (await consumer.earliest_offsets(*shrunken)).items() if shrunken else ():
        _log.warning("partition.begun_anew", topic=part.topic, partition=part.partition)
        for known in (consumer._committed_offset, consumer._gap, consumer._acked):
            known.pop(part, None)
        consumer._acked_index.pop(part, None)
        await consumer.seek(part, start)
    return shrunken


def _assigned(consumer: Any) -> Collection[Any]:
    # Between two assignments the client has nothing to tell.
    with contextlib.suppress(Exception):
        return list(consumer.assignment())
    return ()


def _is_shrunken(consumer: Any, part: Any) -> bool:
    with contextlib.suppress(Exception):
        end = consumer.highwater(part)
        known = (consumer._read_offset[part], consumer._committed_offset[part])
        return end is not None and any(offset is not None and offset > end for offset in known)
    return False
