"""What intake needs from outside: a ledger, somewhere to send events, and a source to read (see `tree.py`)."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

from index.core.ledger import Announcement, BehindPage, Claim, Publication, SourceState
from schemas.events import PageEvent
from schemas.ids import PageId, Revision, SourceName


class Ledger(Protocol):
    """The truth about what was published."""

    async def source(self, source: SourceName) -> SourceState:
        """How far a source is; a source never heard of is at revision 0."""
        ...

    async def begin(self, source: SourceName, *, commit: str, config_hash: str) -> Revision:
        """Take a new revision under the source's row lock; every older sync of the source is fenced from now on.

        Raises: Leased while somebody else syncs it: from the beginning of a sync until it finishes, or until it has
        said nothing for a minute. That saves work only; safety rests on revisions.
        """
        ...

    async def announce(
        self, source: SourceName, revision: Revision, announcement: Announcement
    ) -> None:
        """Write all of it in one transaction. Raises: Fenced when a newer revision has been taken."""
        ...

    async def finish(
        self,
        source: SourceName,
        revision: Revision,
        *,
        commit: str,
        committed_at: datetime,
        covered: Sequence[str],
        checked_at: datetime,
        lost: Sequence[str] | None = (),
        answered: Mapping[str, int] = MappingProxyType({}),
    ) -> None:
        """Move the published pointer. Raises: Fenced when a newer revision has been taken.

        The commits that what is published holds are from now on `covered` too, and not any more `lost`: None for all
        others.
        `checked_at` is `SourceState.read_at`, from before the head was asked for. What was asked for anew and is
        `answered` is forgotten, unless it has been asked for again since.
        """
        ...

    async def asked(self, source: SourceName) -> Mapping[str, int]:
        """The pages that somebody wants published anew, whatever the ledger has of them, each with its ticket."""
        ...

    async def checked(self, source: SourceName, at: datetime) -> None:
        """Note that the source was looked at after `at` (`SourceState.read_at`) and held nothing new."""
        ...

    async def newest(
        self, source: SourceName, paths: Collection[str] | None
    ) -> Mapping[str, Publication]:
        """The newest publication of each page (None: of every page ever published)."""
        ...

    async def unfinished(self, source: SourceName) -> frozenset[str]:
        """Paths with a publication or claim newer than the published revision: what a sync that died left."""
        ...

    async def claims(
        self,
        source: SourceName,
        *,
        paths: Collection[str] | None = None,
        urls: Collection[str] = (),
    ) -> Mapping[str, Claim]:
        """The claims at `paths` (None: all) and those that ask for one of `urls`; their `depends` are left empty."""
        ...

    async def dependents(self, source: SourceName, targets: Collection[str]) -> frozenset[str]:
        """Pages made of any of `targets`, by their path."""
        ...

    async def behind(
        self, source: SourceName, *, up_to: Revision | None = None, everything: bool = False
    ) -> Sequence[BehindPage]:
        """Pages that some receiving generation has neither applied nor parked, by path; empty means complete.

        Looks at publications newer than the published revision, which is enough unless a generation was added
        since: then `everything`.
        """
        ...


GiveUp = Callable[[], Awaitable[bool]]
"""Whether a wait for pages is to end before they are done."""


async def never() -> bool:
    """A `GiveUp`."""
    return False


class Publish(Protocol):
    """Somewhere to send events."""

    async def __call__(self, events: Sequence[PageEvent]) -> None:
        """Return once all are accepted for good; waits while too many are outstanding."""
        ...

    async def settled(self, pages: Collection[PageId], given_up: GiveUp = never) -> bool:
        """Return once nothing sent before for `pages` is outstanding any more, or while nothing moves, once `given_up`.

        Returns: whether all are done.
        """
        ...


Pending = Callable[[Mapping[PageId, Revision]], Awaitable[Collection[PageId]]]
"""Those of the pages that some generation has neither brought to the revision nor parked at it."""


class PublishWatch(Protocol):
    """Looks on while events are sent to a broker: it decides nothing, never waits and never raises."""

    def headers(self, event: PageEvent) -> list[tuple[str, bytes]]:
        """What the record carries beside its event, such as a trace: nothing that anybody has to believe."""
        ...

    def placed(self, event: PageEvent, partition: int, offset: int) -> None:
        """The broker has the event for good, at this place."""
        ...


class NobodyWatches:
    """A `PublishWatch` that looks away."""

    def headers(self, _event: PageEvent) -> list[tuple[str, bytes]]:
        """See `PublishWatch.headers`."""
        return []

    def placed(self, _event: PageEvent, _partition: int, _offset: int) -> None:
        """See `PublishWatch.placed`."""
