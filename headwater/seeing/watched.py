"""The ports of the pipeline with somebody who looks on: each does what it did, and is watched doing it."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from headwater.metering import Cost, MeteredPages
from headwater.seeing.tracing import facts_of, generation_fact, spanning
from headwater.seeing.watch import PageWatch
from index.core.embedding import Embed
from index.core.pages import ReadPage
from index.core.plan import Outcome, PagePlan
from index.core.ports import PageStore, ParkStore, ReadEvent
from index.handlers import Receiver
from ingest.core.ports import GiveUp, Publish, never
from schemas.events import PageChanged, PageEvent
from schemas.ids import Generation, PageId, Revision, SourceName, source_of
from schemas.wire import Record
from stream.core.ports import RecordStore


class WatchedPublish:
    """`ingest.core.ports.Publish`."""

    def __init__(self, publish: Publish, watch: PageWatch) -> None:
        self._publish = publish
        self._watch = watch

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        """See `Publish.__call__`."""
        with self._watch.publishing(events):
            await self._publish(events)

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        """See `Publish.settled`."""
        return await self._publish.settled(pages, given_up)


def watched_receiver(to: Receiver, watch: PageWatch) -> Receiver:
    """A generation whose reading and embedding is watched."""
    return Receiver(
        to.generation,
        WatchedRead(to.read, to.generation, watch),
        WatchedEmbed(to.embed, to.generation, watch),
    )


class WatchedRead:
    """`index.core.ports.ReadEvent`."""

    def __init__(self, read: ReadEvent, generation: Generation, watch: PageWatch) -> None:
        self._read = read
        self._generation = generation
        self._watch = watch

    async def __call__(self, event: PageChanged) -> ReadPage:
        """See `ReadEvent.__call__`."""
        flight = self._watch.flights.of(event, self._generation)
        facts = facts_of(event) | generation_fact(self._generation)
        span = self._watch.tracer.start("page.read", facts, parent=flight.span.carrier)
        with spanning(span):
            page = await self._read(event)
            span.note({"headwater.chunks": len(page.chunks)})
        texts = [chunk.embedded for chunk in page.chunks]
        self._watch.flights.has_texts(event, self._generation, texts)
        return page


class WatchedEmbed:
    """`index.core.embedding.Embed`: one call may serve several pages, of which the first is the parent."""

    def __init__(self, embed: Embed, generation: Generation, watch: PageWatch) -> None:
        self._embed = embed
        self._generation = generation
        self._watch = watch

    async def __call__(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """See `Embed`."""
        carriers = [flight.span.carrier for flight in self._watch.flights.with_texts(texts)]
        span = self._watch.tracer.start(
            "texts.embed",
            generation_fact(self._generation) | {"headwater.texts": len(texts)},
            parent=carriers[0] if carriers else "",
            links=carriers[1:],
        )
        with spanning(span):
            vectors = await self._embed(texts)
        self._watch.flights.embedded(texts)
        return vectors


class WatchedPages(MeteredPages):
    """A `PageStore` whose pages are watched being written."""

    def __init__(self, pages: PageStore, cost: Cost, watch: PageWatch) -> None:
        super().__init__(pages, cost)
        self._watch = watch

    async def apply(self, generation: Generation, plan: PagePlan) -> Outcome:
        """See `PageStore.apply`."""
        facts = {
            "headwater.source": source_of(plan.page_id),
            "headwater.page": plan.page_id,
            "headwater.revision": plan.revision,
            **generation_fact(generation),
        }
        parent = self._watch.flights.carrier_of(plan.page_id, plan.revision, generation)
        span = self._watch.tracer.start("page.write", facts, parent=parent)
        with spanning(span):
            outcome = await super().apply(generation, plan)
            span.note({"headwater.outcome": outcome.value})
        return outcome


class WatchedPark:
    """`index.core.ports.ParkStore`."""

    def __init__(self, park: ParkStore, watch: PageWatch) -> None:
        self._park = park
        self._watch = watch

    async def park(
        self, generation: Generation, page_id: PageId, revision: Revision, reason: str
    ) -> None:
        """See `ParkStore.park`."""
        await self._park.park(generation, page_id, revision, reason)
        self._watch.parked(generation, page_id, revision, reason)

    async def is_parked(self, generation: Generation, page_id: PageId, since: Revision) -> bool:
        """See `ParkStore.is_parked`."""
        return await self._park.is_parked(generation, page_id, since)


class WatchedRecords:
    """`stream.core.ports.RecordStore`."""

    def __init__(self, records: RecordStore, watch: PageWatch) -> None:
        self._records = records
        self._watch = watch

    async def keep_undecodable(self, record: Record, reason: str) -> None:
        """See `RecordStore.keep_undecodable`."""
        await self._records.keep_undecodable(record, reason)
        self._watch.undecodable(record, reason)

    async def revisions(self, sources: Collection[SourceName]) -> Mapping[SourceName, Revision]:
        """See `RecordStore.revisions`."""
        return await self._records.revisions(sources)

    async def newest(self, pages: Collection[PageId]) -> Mapping[PageId, Revision]:
        """See `RecordStore.newest`."""
        return await self._records.newest(pages)
