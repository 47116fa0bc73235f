"""How far a worker is, and whether it still gets on."""

from collections.abc import Mapping
from dataclasses import dataclass

UNSEEN_S = 30.0
"""Between two sightings: above, it is not known what happened meanwhile."""


@dataclass(frozen=True, slots=True)
class Standing:
    """A partition as the broker tells it: its first record, one past its last, and up to where the group is done.

    `committed` is None where the group has never acknowledged anything.
    """

    begin: int
    end: int
    committed: int | None

    @property
    def done(self) -> int:
        """Up to where nothing waits: what retention has removed waits no more."""
        return max(self.begin, self.committed or 0)


def lag_of(
    standings: Mapping[int, Standing], done: Mapping[int, int], ends: Mapping[int, int]
) -> int:
    """How many records of these partitions wait, from what the broker told and what was heard since.

    `done` is what this worker has acknowledged itself, which may be long ago in a partition that others had meanwhile;
    `ends` is what its client has heard. The newer of two tells wins.
    """
    return sum(
        max(0, max(told.end, ends.get(part, 0)) - max(told.done, done.get(part, 0)))
        for part, told in standings.items()
    )


@dataclass(slots=True)
class Pulse:
    """Counts what shows that a worker lives, for who does it and who watches it.

    `signs` are pages applied, texts embedded, failed attempts made again; `batches` are those that were finished.
    """

    signs: int = 0
    batches: int = 0

    def beat(self) -> None:
        """Note a sign of life."""
        self.signs += 1

    def finish(self) -> None:
        """Note that all of a batch is acknowledged, as far as the worker itself can do it."""
        self.batches += 1


@dataclass(frozen=True, slots=True)
class Sighting:
    """What is seen of a worker at one moment.

    `at_s` is of a clock that only grows. `lag` is None where the broker could not be asked. `position` is what the
    group has acknowledged of the worker's partitions, by partition. `signs` and `batches` are those of its `Pulse`.
    """

    at_s: float
    lag: int | None
    position: Mapping[int, int]
    signs: int = 0
    batches: int = 0

    def has_moved_since(self, before: "Sighting") -> bool:
        """Whether the group got on, or the worker is at work on the batch that it had at hand before.

        What it does after that batch shows only that its acknowledgements do not arrive.
        """
        is_at_work = self.batches == before.batches and self.signs != before.signs
        return self.position != before.position or is_at_work


@dataclass(frozen=True, slots=True)
class Watch:
    """Since when a worker has stood still; None while it does not. `last_s` is when it was last seen."""

    since: Sighting | None = None
    last_s: float = 0.0

    def after(self, seen: Sighting) -> "Watch":
        """The watch once this was seen too: what moves begins it anew.

        Where nothing waits nobody stands still, and of a broker that cannot be asked nothing is known. A database or an
        embedder that is away shows in `signs`, since what fails is tried again without end. Time in which nobody
        looked, since this process was stopped, is nobody's stillness.
        """
        since = self.since
        if not seen.lag:
            return Watch()
        if since is None or seen.at_s - self.last_s > UNSEEN_S:
            return Watch(seen, seen.at_s)
        return Watch(seen if seen.has_moved_since(since) else since, seen.at_s)

    def is_stalled(self, now: Sighting, *, after_s: float) -> bool:
        """Whether nothing has moved for so long while more and more records wait."""
        if self.since is None or self.since.lag is None or now.lag is None:
            return False
        return now.lag > self.since.lag and now.at_s - self.since.at_s >= after_s
