"""Consuming records as a broker keeps them: decode, pass over what a flood has superseded, consume."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import structlog

from schemas.errors import ParkingFailed, TransientError, UndecodableRecord
from schemas.ids import PageId, Revision, SourceName
from schemas.wire import Record
from stream.core.ports import NobodyWatches, RecordStore, Watch
from stream.core.records import is_flooded, sort_records, without_superseded
from stream.handlers.consume import Consumer, consume_batch

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class RecordConsumer:
    """What `consume_records` works with."""

    consumer: Consumer
    records: RecordStore
    watch: Watch = field(default_factory=NobodyWatches)


async def consume_records(records: Sequence[Record], lag: int, to: RecordConsumer) -> None:
    """Return once every record is applied, superseded, parked or, being no event of ours, kept in sight.

    `lag` is how many records wait behind these. Raises: ParkingFailed, on which the process must end with nothing
    acknowledged.
    """
    parts = sort_records(records)
    known: Mapping[SourceName, Revision] = {}
    async for attempt in to.consumer.retries():
        with attempt:
            known = await to.records.revisions(parts.sources)
    parts = parts.without_strangers(known)
    for record, error in parts.undecodable:
        await _keep(record, error, to)
    for record, event in parts.decoded:
        to.watch.took(event, record)
    newest: Mapping[PageId, Revision] = {}
    if is_flooded(lag):
        async for attempt in to.consumer.retries():
            with attempt:
                newest = await to.records.newest({event.page_id for event in parts.events})
    await consume_batch(without_superseded(parts.events, newest), to.consumer)


async def _keep(record: Record, error: UndecodableRecord, to: RecordConsumer) -> None:
    where = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    _log.warning("record.undecodable", reason=error.reason, **where)
    async for attempt in to.consumer.retries():
        with attempt:
            try:
                await to.records.keep_undecodable(record, error.reason)
            except TransientError:
                raise
            except Exception as failure:
                raise ParkingFailed(f"a record could not be kept: {failure}") from failure
