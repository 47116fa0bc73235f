"""Follows one ref of a repository into the mirror, and says in one line why that cannot be."""

import asyncio
import hashlib
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NoReturn

from ingest.adapters.git_cli import Finished
from ingest.adapters.git_location import COMMIT, Place, PlaceKind, check_ref, place_of
from ingest.adapters.git_mirror import Mirror
from ingest.adapters.git_output import default_branch_of
from ingest.core.tree import Head
from schemas.errors import BadSource, SourceUnreachable

_TIDY_EVERY = 500


class RefFollower:
    """Keeps one ref of the mirror equal to one ref of `location`, force pushes included.

    The ref in the mirror is named by location and ref, so that readers of several refs can share a mirror.
    """

    __slots__ = (
        "_fetches",
        "_found_as",
        "_kept",
        "_location",
        "_mirror",
        "_name",
        "_turn",
        "_wanted",
        "suspicion",
    )

    def __init__(self, location: str, ref: str | None, mirror: Mirror, *, name: str) -> None:
        check_ref(ref, name=name)
        self._location = location
        self._wanted = ref
        self._mirror = mirror
        self._name = name
        digest = hashlib.sha256(f"{location}\0{ref}".encode()).hexdigest()
        self._kept = f"refs/headwater/{digest[:16]}"
        self._found_as: str | None = None
        self._fetches = 0
        self._turn = asyncio.Lock()
        self.suspicion: Finished | None = None
        """A reading that failed: the next `follow` looks whether the mirror is at fault, and makes it again."""

    async def follow(self) -> Head:
        """Fetch what is new and name the tip. Raises: BadSource, SourceUnreachable."""
        async with self._turn:
            place = place_of(self._location, name=self._name)
            try:
                await self._mirror.ensure()
                await self._heal()
                await self._bring_up_to_date(place)
                return await self._tip()
            except TimeoutError as exc:
                raise SourceUnreachable(self._name, "git did not finish in time") from exc
            except OSError as exc:
                raise SourceUnreachable(self._name, f"the mirror cannot be kept: {exc}") from exc

    async def tidy(self) -> None:
        """Tidy the mirror when anything was fetched since the last time."""
        if self._fetches:
            self._fetches = 0
            await self._mirror.tidy()

    async def _heal(self) -> None:
        suspicion, self.suspicion = self.suspicion, None
        if suspicion is not None and await self._mirror.is_damaged(suspicion):
            await self._mirror.remove()
            await self._mirror.ensure()

    async def _bring_up_to_date(self, place: Place) -> None:
        if self._wanted is not None and COMMIT.fullmatch(self._wanted):
            await self._pin(place, self._wanted)
            return
        failed = await self._fetch_any(place, self._names())
        if failed is not None and self._wanted is None and _NO_REF.search(failed.errors):
            failed = await self._fetch_any(place, await self._default_branch(place))
        if failed is not None:
            self._refuse(failed, place)

    def _names(self) -> list[str]:
        """The full names the ref may have, the one it was found under first."""
        if self._wanted is None:
            return [self._found_as or "HEAD"]
        if self._wanted.startswith("refs/"):
            return [self._wanted]
        names = [f"refs/heads/{self._wanted}", f"refs/tags/{self._wanted}"]
        return sorted(names, key=lambda name: name != self._found_as)

    async def _fetch_any(self, place: Place, names: Sequence[str]) -> Finished | None:
        """Fetch the first of `names` that the remote has; None when that worked, else how it failed."""
        failed = None
        for name in names:
            failed = await self._fetch(place, f"+{name}:{self._kept}")
            if failed is None:
                self._found_as = name if name != "HEAD" else None
                return None
            if not _NO_REF.search(failed.errors):
                break
        self._found_as = None
        return failed

    async def _fetch(self, place: Place, refspec: str) -> Finished | None:
        fetched = await self._mirror.fetch(place.url, refspec)
        if not fetched.is_ok and await self._mirror.is_damaged(fetched):
            await self._mirror.remove()
            await self._mirror.ensure()
            fetched = await self._mirror.fetch(place.url, refspec)
        self._fetches += fetched.is_ok
        if self._fetches >= _TIDY_EVERY:
            await self.tidy()
        return None if fetched.is_ok else fetched

    async def _default_branch(self, place: Place) -> list[str]:
        """What to follow where no HEAD is named, as in most bundles."""
        listed = await self._mirror.run("ls-remote", "--quiet", "--", place.url)
        branch = default_branch_of(listed.out)
        if listed.is_ok and listed.out and branch is None:
            raise BadSource(self._name, "it has no HEAD, main or master to follow: name a ref")
        return [branch or "HEAD"]

    async def _pin(self, place: Place, commit: str) -> None:
        """Have one commit: directly where the remote gives it, else through its branches."""
        if not await self._mirror.has(commit):
            failed = await self._fetch(place, f"+{commit}:{self._kept}")
            if failed is not None:
                failed = await self._fetch(place, f"+refs/heads/*:{self._kept}-branches/*")
            if failed is not None:
                self._refuse(failed, place)
            if not await self._mirror.has(commit):
                raise BadSource(self._name, f"no branch of it has the commit {commit}")
        await self._mirror.run("update-ref", self._kept, commit)

    async def _tip(self) -> Head:
        named = await self._mirror.run("rev-list", "-1", "--timestamp", self._kept, "--")
        fields = named.out.split()
        if not named.is_ok or len(fields) != 2:
            self.suspicion = named
            raise SourceUnreachable(self._name, f"its newest commit cannot be read: {named.reason}")
        return Head(commit=fields[1].decode(), committed_at=_moment(int(fields[0])))

    def _refuse(self, failed: Finished, place: Place) -> NoReturn:
        """Raise what a failed fetch means: BadSource when it can never work, else SourceUnreachable."""
        if _NO_REF.search(failed.errors):
            lacks = (
                "no commits yet" if self._wanted is None else f"no branch or tag {self._wanted!r}"
            )
            raise BadSource(self._name, f"it has {lacks}")
        for pattern, reason in _REFUSALS:
            if re.search(pattern, failed.errors):
                is_file = reason == _NO_REPOSITORY and place.kind is PlaceKind.BUNDLE
                raise BadSource(self._name, _NO_BUNDLE if is_file else reason)
        if place.kind is PlaceKind.BUNDLE and not re.search(_OUR_FAULT, failed.errors):
            raise BadSource(self._name, f"the bundle is broken or cut off: {failed.reason}")
        raise SourceUnreachable(self._name, failed.reason)


_NO_REPOSITORY = "it is no git repository and no bundle"
_NO_BUNDLE = "it is a file and no git bundle: name the folder that holds the docs"
_NO_REF = re.compile(r"couldn't find remote ref|no such remote ref|not our ref|unadvertised object")
_OUR_FAULT = (
    r"No space left|Read-only file system|Permission denied|\.lock|Cannot allocate|unable to fork"
)
_REFUSALS = (
    (
        r"dubious ownership",
        "the repository belongs to another user; `git config --global --add safe.directory <path>` trusts it",
    ),
    (r"lacks these prerequisite commits", "the bundle builds on commits that it does not hold"),
    (
        r"not a git repository|invalid gitfile|does not appear to be a git repository|not a v\d|v2 or v3 bundle",
        _NO_REPOSITORY,
    ),
    (
        r"[Rr]epository .*not found|not valid: is this a git repository",
        "there is no such repository",
    ),
    (r"transport '.*' not allowed", "its way of transport is refused"),
)


def _moment(seconds: int) -> datetime:
    """A commit's time; absurd ones, which git allows, become the nearest that a calendar has."""
    return datetime.fromtimestamp(min(max(seconds, 0), 253_402_300_799), tz=UTC)
