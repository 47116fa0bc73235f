"""What a source's files say now: each candidate page as it should be published."""

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from index.core.ledger import Claim
from ingest.core.sync import Absent, Desired, Live, Refused, choose_owner
from schemas.formats import Dialect


@dataclass(frozen=True, slots=True)
class Look:
    """One page's file, read. `text` is None when it cannot be published, for the `refusal`.

    `claim` is None when the file makes no page: a draft, or one its generator keeps out.
    """

    path: str
    blob: str
    text: str | None
    refusal: str
    claim: Claim | None


def desired_of(
    candidates: Mapping[str, Look | None], claims: Mapping[str, Claim], *, dialect: Dialect
) -> dict[str, Desired]:
    """Decide what each candidate should be; None stands for a path without a file.

    `claims` holds the claims of every page that asks for a URL which some candidate asks for or asked for.
    """
    owners = _owners(claims)
    return {path: _desired(look, owners, dialect) for path, look in candidates.items()}


def page_fingerprint(text: str, url: str, dialect: Dialect) -> str:
    """A digest of everything that shapes a published page."""
    return sha256(f"{url}\n{dialect}\n{text}".encode()).hexdigest()


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
    if look.text is None:
        return Refused(look.refusal, look.blob)
    return Live(page_fingerprint(look.text, look.claim.url, dialect), look.blob, look.claim.url)
