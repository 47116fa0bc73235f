"""What a docs team has a say in of a search: weights of pages, terms that mean the same, curated answers."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from index.core.globs import Globs
from index.core.rank import ChunkKey
from index.core.synonyms import Synonyms, synonyms_of, variants_of
from index.settings import RetrievalSettings
from schemas.ids import SourceName


@dataclass(frozen=True, slots=True)
class PathWeight:
    """What the pages of `source` (None: of any) whose paths match are multiplied by, 0 or more."""

    globs: Globs
    weight: float
    source: SourceName | None = None

    def is_of(self, key: ChunkKey) -> bool:
        """Whether the chunk is of such a page."""
        return self.source in (None, key.source) and self.globs.matches(key.path)


@dataclass(frozen=True, slots=True)
class Steering:
    """What is configured, ready to use. Without anything, nothing is steered."""

    paths: Sequence[PathWeight] = ()
    synonyms: Synonyms = ()
    pinned: frozenset[SourceName] = frozenset()

    @property
    def may_hide(self) -> bool:
        """Whether any page may be hidden from answers."""
        return any(path.weight == 0 for path in self.paths)

    def ways_to_ask(self, question: str) -> tuple[str, ...]:
        """The question as it is, and with synonyms exchanged; of several lines the last: what is asked now stands in
        one, after what a conversation puts before it.
        """
        return variants_of(question.rstrip().rpartition("\n")[2], self.synonyms)

    def weight_of(self, key: ChunkKey) -> float:
        """The weight of the first pattern that a chunk's page matches, 1 where none does."""
        return next((path.weight for path in self.paths if path.is_of(key)), 1.0)


def steering_of(settings: RetrievalSettings, pinned: Iterable[str] = ()) -> Steering:
    """`pinned` names the sources of curated answers.

    Raises: BadConfiguration for a pattern or a group of synonyms that makes no sense."""
    paths = tuple(
        PathWeight(Globs([one.match]), one.weight, SourceName(one.source) if one.source else None)
        for one in settings.paths
    )
    return Steering(paths, synonyms_of(settings.synonyms), frozenset(map(SourceName, pinned)))
