"""What may be asked: requests checked and brought into one form."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from schemas.answers import MAX_K, MAX_QUESTION_CHARS, QueryRequest, SearchRequest
from schemas.errors import BadQuestion, UnknownVersion

MAX_NAME_CHARS = 200
MAX_URL_CHARS = 2_000

MAX_ID_CHARS = 100

MAX_PATTERN_CHARS = 200
MAX_WILDCARDS = 12
MAX_VERSION_CHARS = 100

_NO_VERSIONS: Mapping[str, str] = MappingProxyType({})
_WILDCARDS = re.compile(r"\*+|\?")
_COMMIT = re.compile(r"(?:[a-z]+:)?([0-9a-f]{7,64})")


@dataclass(frozen=True, slots=True)
class Asked:
    """A stripped question with a letter or digit in it. `sources` None means all of them, no `paths` all pages.

    `route` None leaves open what answers, `conversation_id` None asks for no conversation. `min_commit` has the hex
    digits that a commit of each source begins with, `explain` asks for the reasons of the ranking.
    """

    question: str
    k: int
    sources: tuple[str, ...] | None
    route: str | None = None
    conversation_id: str | None = None
    min_commit: Mapping[str, str] = field(default_factory=dict)
    paths: tuple[str, ...] = ()
    explain: bool = False


def read_search(
    request: SearchRequest, *, default_k: int, versions: Mapping[str, str] = _NO_VERSIONS
) -> Asked:
    """`versions` has that of each source that is of one. Raises: BadQuestion, UnknownVersion."""
    return _asked(request, default_k, versions)


def read_query(
    request: QueryRequest,
    *,
    default_k: int,
    routes: Sequence[str] = (),
    versions: Mapping[str, str] = _NO_VERSIONS,
) -> Asked:
    """`routes` are those that may be asked for, `versions` has that of each source that is of one.

    Raises: BadQuestion, UnknownVersion.
    """
    if request.route is not None and request.route not in routes:
        raise BadQuestion(f"`route` is to be one of: {', '.join(routes)}")
    conversation_id = request.conversation_id
    if conversation_id is not None and not _is_short_text(conversation_id, MAX_ID_CHARS):
        raise BadQuestion(f"`conversation_id` is to be a text of 1 to {MAX_ID_CHARS} characters")
    asked = _asked(request, default_k, versions)
    return replace(asked, route=request.route, conversation_id=conversation_id)


def read_url(url: str) -> str:
    """The address of a page, without its anchor. Raises: BadQuestion."""
    page = url.partition("#")[0]
    if not page or len(url) > MAX_URL_CHARS or not _is_text(url):
        raise BadQuestion(f"`url` is to be an address of 1 to {MAX_URL_CHARS} characters")
    return page


def _asked(
    request: SearchRequest | QueryRequest, default_k: int, versions: Mapping[str, str]
) -> Asked:
    if request.question is not None and request.query is not None:
        raise BadQuestion("give `question` or `query`, not both")
    k = default_k if request.k is None else request.k
    if not 1 <= k <= MAX_K:
        raise BadQuestion(f"`k` is to be 1 to {MAX_K}")
    text = request.question if request.question is not None else request.query
    sources = _read_sources(request.in_)
    if request.version is not None:
        sources = _of_version(request.version, sources, versions)
    return Asked(
        _read_question(text),
        k,
        sources,
        min_commit=_read_commits(request.min_commit or {}, sources),
        paths=_read_paths(request.path),
        explain=request.explain,
    )


def _read_question(text: str | None) -> str:
    stripped = (text or "").strip()
    if not stripped:
        raise BadQuestion("`question` is missing or empty")
    if len(stripped) > MAX_QUESTION_CHARS:
        raise BadQuestion(
            f"`question` has {len(stripped)} characters, the most is {MAX_QUESTION_CHARS}"
        )
    if not _is_text(stripped) or not any(character.isalnum() for character in stripped):
        raise BadQuestion("`question` is no text")
    return stripped


def _read_sources(names: Sequence[str] | None) -> tuple[str, ...] | None:
    if names is None:
        return None
    if not names or not all(_is_short_text(name, MAX_NAME_CHARS) for name in names):
        raise BadQuestion("`in` is to be a list of names of sources")
    return tuple(dict.fromkeys(names))


def _of_version(
    version: str, sources: Sequence[str] | None, versions: Mapping[str, str]
) -> tuple[str, ...]:
    """The sources of a version, of those that are asked for. One without a version is of none."""
    if not _is_short_text(version, MAX_VERSION_CHARS):
        raise BadQuestion(f"`version` is to be a text of 1 to {MAX_VERSION_CHARS} characters")
    looked_in = versions if sources is None else sources
    found = tuple(name for name in looked_in if versions.get(name) == version)
    if not found:
        raise UnknownVersion(version)
    return found


def _read_paths(patterns: Sequence[str] | None) -> tuple[str, ...]:
    for pattern in patterns or ():
        is_pattern = _is_short_text(pattern, MAX_PATTERN_CHARS) and pattern.strip("./ ")
        if not is_pattern or len(_WILDCARDS.findall(pattern)) > MAX_WILDCARDS:
            raise BadQuestion(
                f"`path` is to be a list of patterns of 1 to {MAX_PATTERN_CHARS} characters,"
                f" with at most {MAX_WILDCARDS} wildcards each"
            )
    return tuple(dict.fromkeys(patterns or ()))


def _read_commits(given: Mapping[str, str], sources: Sequence[str] | None) -> Mapping[str, str]:
    """The digits of each commit in lower case, without the kind before those of a folder."""
    commits = {name: _COMMIT.fullmatch(commit.strip().lower()) for name, commit in given.items()}
    for name, commit in commits.items():
        if not _is_short_text(name, MAX_NAME_CHARS) or commit is None:
            raise BadQuestion(
                "`min_commit` is to have a commit for each source, of 7 to 64 hex digits"
            )
        if sources is not None and name not in sources:
            raise BadQuestion(f"`min_commit` names {name}, which is not looked in")
    return {name: commit[1] for name, commit in commits.items() if commit is not None}


def _is_short_text(text: str, most_chars: int) -> bool:
    return 0 < len(text) <= most_chars and _is_text(text)


def _is_text(text: str) -> bool:
    """Whether a database can hold it: no NUL, no half of a surrogate pair."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
