"""What one sync of a source has to say: a pure comparison of what is there with what was published."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from index.core.ledger import Claim, Publication, PublicationKind
from schemas.ids import Revision

SLICE_PAGES = 64


@dataclass(frozen=True, slots=True)
class Live:
    """The page is there with this fingerprint."""

    fingerprint: str
    blob: str
    url: str


@dataclass(frozen=True, slots=True)
class Absent:
    """There is no such page: no file, not matched, or kept out by its own front matter."""


@dataclass(frozen=True, slots=True)
class Refused:
    """The page cannot be published. `keeps_last` leaves its last good version in the index."""

    reason: str
    blob: str
    keeps_last: bool = True


Desired = Live | Absent | Refused


class Action(StrEnum):
    """What is done about one page."""

    ADD = "add"
    CHANGE = "change"
    MOVE = "move"
    DELETE = "delete"
    PARK = "park"
    RESEND = "resend"


@dataclass(frozen=True, slots=True)
class Change:
    """One page to publish: `revision` is set for a resend, which repeats a publication at its own revision.
    `is_repair` has every row written anew.

    A MOVE names its old path in `moved_from`; the DELETE of that path follows it with `moved_to`.
    """

    action: Action
    path: str
    desired: Desired
    revision: Revision | None = None
    moved_from: str | None = None
    moved_to: str | None = None
    is_repair: bool = False


def plan_sync(
    desired: Mapping[str, Desired],
    newest: Mapping[str, Publication],
    behind: Collection[str] = (),
    *,
    broken: Collection[str] = (),
) -> list[Change]:
    """List what has to be published so that the ledger ends at `desired`, in the order to send it.

    `newest` holds the newest publication of each page in `desired`; `behind` the pages not applied yet. Deletions
    come first, then edits, then first loads, a move with the deletion of its old path right after it; by path in each.
    Pages that are `broken` in the index are published anew even when the ledger has them right.
    """
    changes = {
        path: change
        for path, want in desired.items()
        if (change := _change(path, want, newest.get(path), path in behind)) is not None
    }
    changes |= {path: _republish(path, desired[path]) for path in broken}
    _pair_moves(changes, newest)
    return sorted(changes.values(), key=_order)


def in_slices(changes: Sequence[Change], *, size: int = SLICE_PAGES) -> Iterator[Sequence[Change]]:
    """Cut the changes into slices of at most `size` pages; a move and its deletion are never parted."""
    start = 0
    while start < len(changes):
        end = min(start + size, len(changes))
        if end < len(changes) and changes[end - 1].action is Action.MOVE:
            end = end - 1 if end - start > 1 else end + 1
        yield changes[start:end]
        start = end


def choose_owner(claims: Sequence[Claim]) -> str:
    """The path that a URL belongs to: a front-matter slug before all, then the first in path order."""
    return min(claims, key=lambda claim: (not claim.is_slug, claim.path)).path


def _republish(path: str, want: Desired) -> Change:
    action = {Live: Action.CHANGE, Absent: Action.DELETE, Refused: Action.PARK}[type(want)]
    return Change(action, path, want, is_repair=True)


def _change(path: str, want: Desired, row: Publication | None, is_behind: bool) -> Change | None:
    if row is None:
        action = Action.ADD if isinstance(want, Live) else Action.PARK
        return None if isinstance(want, Absent) else Change(action, path, want)
    changed = _action(want, row)
    if changed is not None:
        return Change(changed, path, want)
    if is_behind and row.kind is not PublicationKind.PARKED:
        return Change(Action.RESEND, path, want, row.revision, row.moved_from, row.moved_to)
    return None


def _action(want: Desired, row: Publication) -> Action | None:
    """What brings a page from what was last published of it to what it should be."""
    match want:
        case Live():
            if row.kind is PublicationKind.DELETED:
                return Action.ADD
            is_same = row.kind is PublicationKind.CHANGED and row.fingerprint == want.fingerprint
            return None if is_same else Action.CHANGE
        case Absent():
            is_gone = row.kind is PublicationKind.DELETED and not row.fingerprint
            # A refusal on record is deleted once more, or it would show as parked for ever.
            return None if is_gone else Action.DELETE
        case Refused():
            return None if row.fingerprint == refusal_fingerprint(want) else Action.PARK


def refusal_fingerprint(refused: Refused) -> str:
    """What the ledger keeps of a refusal, so that the same one is published once."""
    return f"{refused.blob}:{refused.reason}"


def _pair_moves(changes: dict[str, Change], newest: Mapping[str, Publication]) -> None:
    """Join a page that is gone with a new one of the same file content, one to one, by path."""
    gone: dict[str, list[str]] = {}
    for path in sorted(changes, reverse=True):
        row = newest.get(path)
        if changes[path].action is Action.DELETE and row and row.kind is PublicationKind.CHANGED:
            gone.setdefault(row.blob, []).append(path)
    for path in sorted(changes):
        change = changes[path]
        if (
            change.action is Action.ADD
            and isinstance(change.desired, Live)
            and gone.get(change.desired.blob)
        ):
            old = gone[change.desired.blob].pop()
            changes[path] = Change(Action.MOVE, path, change.desired, moved_from=old)
            changes[old] = Change(Action.DELETE, old, changes[old].desired, moved_to=path)


_RANK = {
    Action.PARK: 0,
    Action.DELETE: 0,
    Action.RESEND: 1,
    Action.CHANGE: 1,
    Action.MOVE: 1,
    Action.ADD: 2,
}


def _order(change: Change) -> tuple[int, str, int]:
    if change.moved_to is not None:
        return (_RANK[Action.MOVE], change.moved_to, 1)
    return (_RANK[change.action], change.path, 0)
