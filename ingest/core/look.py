"""What a source's files say now: each candidate page as it should be published."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from index.core.ledger import Claim
from ingest.core.sync import Absent, Desired, Live, Refused, choose_owner
from schemas.formats import Dialect


@dataclass(frozen=True, slots=True)
class Look:
    """One page's file, read. `digest` is of its text, and empty when it cannot be published, for the `refusal`.

    `text` is None then, and when it was not kept. `claim` is None when the file makes no page: a draft, or one its
    generator keeps out.
    """

    path: str
    blob: str
    text: str | None
    refusal: str
    claim: Claim | None
    digest: str = ""

    @staticmethod
    def of(path: str, blob: str, text: str | None, refusal: str, claim: Claim) -> "Look":
        """A page that is published with `text`, or refused where that is None."""
        digest = "" if text is None else sha256(text.encode()).hexdigest()
        return Look(path, blob, text, refusal, claim, digest)

    def without_text(self) -> "Look":
        """The same look, as small as it can be."""
        return replace(self, text=None)


def desired_of(
    candidates: Mapping[str, Look | None], claims: Mapping[str, Claim], *, dialect: Dialect
) -> dict[str, Desired]:
    """Decide what each candidate should be; None stands for a path without a file.

    `claims` holds the claims of every page that asks for a URL which some candidate asks for or asked for.
    """
    owners = _owners(claims)
    return {path: _desired(look, owners, dialect) for path, look in candidates.items()}


def page_fingerprint(digest: str, url: str, dialect: Dialect) -> str:
    """A digest of everything that shapes a published page, its text by its own `digest`."""
    return sha256(f"{url}\n{dialect}\n{digest}".encode()).hexdigest()


def _owners(claims: Mapping[str, Claim]) -> dict[str, str]:
    by_url: dict[str, list[Claim]] = {}
    for claim in claims.values():
        by_url.setdefault(claim.url, []).append(claim)
    return {url: choose_owner(rivals) for url, rivals in by_url.items()}


def _desired(look: Look | None, owners: Mapping[str, str], dialect: Dialect) -> Desired:
    if look is None or look.claim is None:
        return Absent()
    owner = owners[look.claim.url]
    if owner != look.path:
        return Refused(f"{owner} has the same URL, {look.claim.url}", look.blob, keeps_last=False)
    if not look.digest:
        return Refused(look.refusal, look.blob)
    return Live(page_fingerprint(look.digest, look.claim.url, dialect), look.blob, look.claim.url)
