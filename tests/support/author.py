"""An author whose work is drawn from a seed: pages with a canary in every chunk, edited, moved, taken back, forced."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.support.repository import Repository, page

Tree = Mapping[str, str]
"""Path -> the canary of the version that is there."""

_FIRST_PAGES = 12
_FEWEST_PAGES = 6
_BACK = 4


def canary_page(canary: str, parts: int) -> str:
    """A page that says its version in every chunk."""
    texts = (f"The word is {canary}, part {part}." for part in range(parts))
    return page(f"About {canary}", *texts)


def canaries_in(text: str) -> set[str]:
    """The canaries that a text holds."""
    words = "".join(char if char.isalnum() else " " for char in text).split()
    return {word for word in words if word.startswith("canary")}


@dataclass
class Author:
    """Commits to a repository. The same seed gives the same history.

    `tree` is what is committed now, `versions` how many versions of pages there ever were.
    """

    docs: Repository
    seed: int
    tree: dict[str, str] = field(default_factory=dict)
    versions: int = 0
    deeds: dict[str, int] = field(default_factory=dict)
    _commits: list[tuple[str, Tree]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def begin(self) -> None:
        """The first commit."""
        for number in range(_FIRST_PAGES):
            self._write(f"page{number}.md")
        self._commit()

    def act(self) -> str:
        """Commit something. Returns: what."""
        deeds = [self.edit] * 5 + [self.add, self.remove, self.move, self.take_back, self.force]
        deed = self._random.choice(deeds)
        deed()
        self.deeds[deed.__name__] = self.deeds.get(deed.__name__, 0) + 1
        return deed.__name__

    def edit(self) -> None:
        """New versions of a few pages."""
        for path in self._random.sample(sorted(self.tree), self._random.randint(1, 4)):
            self._write(path)
        self._commit()

    def add(self) -> None:
        """A page more."""
        self._write(f"page{self.versions + 1}.md")
        self._commit()

    def remove(self) -> None:
        """A page less, while there are enough."""
        path = self._pick()
        if len(self.tree) <= _FEWEST_PAGES:
            return self.edit()
        self.docs.remove(path)
        del self.tree[path]
        self._commit()
        return None

    def move(self) -> None:
        """A page under another name, as it is."""
        path = self._pick()
        self.versions += 1
        new = f"moved{self.versions}.md"
        self.docs.rename(path, new)
        self.tree[new] = self.tree.pop(path)
        self._commit()

    def take_back(self) -> None:
        """The tree before the last commit, as a commit of its own."""
        commit, tree = self._commits[max(0, len(self._commits) - 2)]
        self.docs.git("read-tree", "-u", "--reset", commit)
        self.tree = dict(tree)
        self._commit()

    def force(self) -> None:
        """Rewrite history: an edit that stands on an older commit, in place of the newer ones."""
        del self._commits[max(1, len(self._commits) - self._random.randint(1, _BACK)) :]
        commit, tree = self._commits[-1]
        self.docs.git("reset", "-q", "--hard", commit)
        self.tree = dict(tree)
        self.edit()

    def edit_all(self) -> None:
        """A new version of every page."""
        for path in sorted(self.tree):
            self._write(path)
        self._commit()

    def _pick(self) -> str:
        return self._random.choice(sorted(self.tree))

    def _write(self, path: str) -> None:
        self.versions += 1
        canary = f"canary{self.seed % 1000}turn{self.versions}"
        self.docs.write(path, canary_page(canary, 1 + self.versions % 3))
        self.tree[path] = canary

    def _commit(self) -> None:
        self._commits.append((self.docs.commit(), dict(self.tree)))
