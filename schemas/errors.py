"""Every failure this product names, in one tree.

HeadwaterError
├── TransientError            try again: nothing is wrong with the input
│   ├── StoreUnavailable
│   ├── EmbedderUnavailable
│   ├── ReaderUnavailable
│   ├── BrokerUnavailable
│   ├── NotConsumed
│   ├── NoGeneration
│   ├── SourceUnreachable
│   ├── RerankerUnavailable
│   └── ModelUnavailable
├── PermanentError            trying again cannot help: park, or tell the caller
│   ├── UndecodableRecord
│   ├── UnreadablePage
│   ├── ParseTimeout
│   ├── BadVectors
│   ├── StoreRefused
│   ├── ModelChanged
│   ├── WrongUse              (exit status 2)
│   │   ├── BadConfiguration
│   │   └── BadSource
│   ├── BadQuestion
│   ├── BadSignature
│   ├── UnknownSource
│   ├── UnknownVersion
│   ├── ContextTooLong
│   └── TooLarge
├── CommitNotSearchable       the index does not reflect a commit yet: come back later
├── ParkingFailed             end the process before anything is acknowledged
├── EmbedderLost              end the process: it does not survive the end of its cluster's head
├── WorkerStalled             end the process, with a status of its own (4): only a new one gets on
├── GenerationGone            the generation was dropped meanwhile: whoever writes to it stops, without a word
├── ClaimLost                 another process follows the sources now: start anew, and wait for the claim
├── Leased                    somebody else syncs the source at the moment: wait
└── Fenced                    a newer sync of the same source has begun: stop, without a word
"""

from collections.abc import Mapping

from schemas.answers import AsOf


class HeadwaterError(Exception):
    """The root: everything the product raises on purpose."""


class TransientError(HeadwaterError):
    """Trying again may succeed; an outage stalls, it never parks."""


class PermanentError(HeadwaterError):
    """Trying again cannot help."""


class StoreUnavailable(TransientError):
    """The database did not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database cannot be reached: {reason}")
        self.reason = reason


class EmbedderUnavailable(TransientError):
    """The embedder did not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the embedder cannot be reached: {reason}")
        self.reason = reason


class ReaderUnavailable(TransientError):
    """The process that reads pages cannot be started: no page is to blame."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the process that reads pages does not start: {reason}")
        self.reason = reason


class BrokerUnavailable(TransientError):
    """The broker did not answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the broker cannot be reached: {reason}")
        self.reason = reason


class NotConsumed(TransientError):
    """What was published is neither applied nor parked after a while: no worker runs, or the record is lost."""

    def __init__(self, pages: int, after_s: float) -> None:
        super().__init__(
            f"{pages} published pages were neither applied nor parked for {after_s:g} s: is a worker running?"
        )


class NoGeneration(TransientError):
    """No index receives changes yet: whoever follows the sources first makes one."""

    def __init__(self) -> None:
        super().__init__("no index has been begun yet: is `headwater ingest` running?")


class SourceUnreachable(TransientError):
    """A remote, path or bundle cannot be read at the moment."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"source {source}: {reason}")
        self.source = source
        self.reason = reason


class ModelUnavailable(TransientError):
    """A language model did not answer, or not to the end."""

    def __init__(self, role: str, reason: str) -> None:
        super().__init__(f"the language model for {role} gives no answer: {reason}")
        self.role = role
        self.reason = reason


class RerankerUnavailable(TransientError):
    """What was found could not be put in another order; it stays as it is."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"not reranked: {reason}")
        self.reason = reason


class UndecodableRecord(PermanentError):
    """A record that is no event of any version known here."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the record cannot be decoded: {reason}")
        self.reason = reason


class UnreadablePage(PermanentError):
    """The bytes of a page are no page of its format."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ParseTimeout(PermanentError):
    """Reading a page took longer than it may."""

    def __init__(self, timeout_s: float) -> None:
        super().__init__(f"reading the page took more than {timeout_s:g} s")
        self.timeout_s = timeout_s


class BadVectors(PermanentError):
    """An embedder returned something that is not one finite unit vector a text."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the embedder returned bad vectors: {reason}")
        self.reason = reason


class StoreRefused(PermanentError):
    """A value is larger than any row or index of the database takes."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the database refuses it: {reason}")
        self.reason = reason


class ModelChanged(PermanentError):
    """The files of a model are not those that an index was built with: its vectors would not go together."""

    def __init__(self, model: str) -> None:
        super().__init__(f"the files of the model {model} have changed since this index was built")
        self.model = model


class WrongUse(PermanentError):
    """The caller asked for something that cannot be; the message is one line for a person."""


class BadConfiguration(WrongUse):
    """A key of the configuration is unknown, missing or wrong."""


class BadSource(WrongUse):
    """A source that can never be synced as configured: location, ref, root or pattern."""

    def __init__(self, source: str, reason: str) -> None:
        super().__init__(f"source {source}: {reason}")
        self.source = source
        self.reason = reason


class BadQuestion(PermanentError):
    """A question that cannot be asked: empty, too long or no text."""


class BadSignature(PermanentError):
    """A webhook whose signature does not hold."""

    def __init__(self) -> None:
        super().__init__("the signature does not match the body")


class UnknownSource(PermanentError):
    """No source of that name is configured."""

    def __init__(self, source: str) -> None:
        super().__init__(f"no source is named {source}")
        self.source = source


class UnknownVersion(PermanentError):
    """No source, of those that are looked in, is of that version."""

    def __init__(self, version: str) -> None:
        super().__init__(f"no source to look in is of version {version}")
        self.version = version


class ContextTooLong(PermanentError):
    """A language model takes less at once than it was sent; `window_tokens` where it says how much it takes."""

    def __init__(self, window_tokens: int | None) -> None:
        super().__init__("the language model takes less text at once than it was sent")
        self.window_tokens = window_tokens


class TooLarge(PermanentError):
    """Something is over its cap."""

    def __init__(self, *, size_bytes: int, cap_bytes: int) -> None:
        super().__init__(f"{size_bytes} bytes, the cap is {cap_bytes}")
        self.size_bytes = size_bytes
        self.cap_bytes = cap_bytes


class CommitNotSearchable(HeadwaterError):
    """Commits that a request demands were not searchable in time; `as_of` is what is, by source."""

    def __init__(
        self, wanted: Mapping[str, str], as_of: Mapping[str, AsOf], *, after_s: float
    ) -> None:
        named = ", ".join(f"{source} at {commit}" for source, commit in sorted(wanted.items()))
        super().__init__(f"not searchable after {after_s:g} s: {named}")
        self.wanted = wanted
        self.as_of = as_of


class ParkingFailed(HeadwaterError):
    """An event could be neither applied nor parked."""


class Fenced(HeadwaterError):
    """A newer sync of the source has taken over."""


class EmbedderLost(HeadwaterError):
    """The cluster that embeds has not answered for so long that only a new process may reach it."""

    def __init__(self) -> None:
        super().__init__("the Ray cluster no longer answers: ending, to be started again")


class WorkerStalled(HeadwaterError):
    """Records wait, and for too long nothing was applied, acknowledged or even tried."""

    def __init__(self, lag: int, after_s: float) -> None:
        super().__init__(
            f"{lag} records wait and nothing has moved for {after_s:g} s: ending, to be started again"
        )
        self.lag = lag
        self.after_s = after_s


class GenerationGone(HeadwaterError):
    """A generation was dropped while something was written to it."""

    def __init__(self, generation: int) -> None:
        super().__init__(f"generation {generation} has been dropped")
        self.generation = generation


class ClaimLost(HeadwaterError):
    """The claim to follow was lost with its connection, and another process has it."""

    def __init__(self) -> None:
        super().__init__("another process has taken over following the sources")


class Leased(HeadwaterError):
    """Somebody else syncs the source, and has said so within the last minute."""

    def __init__(self, source: str, owner: str) -> None:
        super().__init__(f"source {source} is being synced from {owner}")
        self.source = source
        self.owner = owner


HTTP_STATUS: dict[type[HeadwaterError], int] = {
    BadQuestion: 400,
    WrongUse: 400,
    BadSignature: 401,
    UnknownSource: 404,
    UnknownVersion: 404,
    CommitNotSearchable: 409,
    TooLarge: 413,
    TransientError: 503,
}
"""Error → status, the nearest ancestor named here; anything else is a 500."""


def status_of(error: HeadwaterError) -> int:
    """The HTTP status that tells a client what `error` means for it."""
    return next((HTTP_STATUS[kind] for kind in type(error).__mro__ if kind in HTTP_STATUS), 500)
