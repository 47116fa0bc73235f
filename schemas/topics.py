"""The topics of a deployment: what each is called and what it has to be."""

from collections.abc import Mapping
from dataclasses import dataclass

MAX_RECORD_BYTES = 8 * 2**20
"""What every topic and every client carries: a page of 2 MiB with room to spare."""

_HOUR_MS, _DAY_MS = 3_600_000, 86_400_000
_SIZES = {"max.message.bytes": str(MAX_RECORD_BYTES)}
# Compaction keeps the newest event of each page, and a consumer that is down for a moment misses nothing
# but what has been replaced anyway.
_COMPACTED = {
    "cleanup.policy": "compact",
    "max.compaction.lag.ms": str(_HOUR_MS),
    "delete.retention.ms": str(7 * _DAY_MS),
}
_KEPT = {"cleanup.policy": "delete", "retention.ms": str(14 * _DAY_MS)}


@dataclass(frozen=True, slots=True)
class Topic:
    """One topic: `config` holds the broker's own keys and values, as text."""

    name: str
    config: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Topics:
    """The topics of one installation; `prefix` keeps several apart that share a broker."""

    prefix: str = "headwater"

    @property
    def pages(self) -> str:
        """Page events, compacted, keyed by page."""
        return f"{self.prefix}.pages.v1"

    @property
    def parked(self) -> str:
        """Notices of what was parked."""
        return f"{self.prefix}.parked.v1"

    @property
    def indexed(self) -> str:
        """Notices of what became searchable."""
        return f"{self.prefix}.indexed.v1"

    @property
    def answers(self) -> str:
        """Notices of what was answered."""
        return f"{self.prefix}.answers.v1"

    @property
    def indexers(self) -> str:
        """The consumer group of the workers."""
        return f"{self.prefix}-indexer"

    def all(self) -> tuple[Topic, ...]:
        """What has to exist."""
        return (
            Topic(self.pages, _SIZES | _COMPACTED),
            Topic(self.parked, _SIZES | _KEPT),
            Topic(self.indexed, _SIZES | _KEPT),
            Topic(self.answers, _SIZES | _KEPT),
        )
