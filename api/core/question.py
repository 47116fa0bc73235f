"""What may be asked: requests checked and brought into one form."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.answers import MAX_K, MAX_QUESTION_CHARS, QueryRequest, SearchRequest
from schemas.errors import BadQuestion

MAX_NAME_CHARS = 200
MAX_URL_CHARS = 2_000

MAX_ID_CHARS = 100

_LATER = ("version", "min_commit")


@dataclass(frozen=True, slots=True)
class Asked:
    """A stripped question with a letter or digit in it. `sources` None means all of them.

    `route` None leaves open what answers, `conversation_id` None asks for no conversation.
    """

    question: str
    k: int
    sources: tuple[str, ...] | None
    route: str | None = None
    conversation_id: str | None = None


def read_search(request: SearchRequest, *, default_k: int) -> Asked:
    """Raises: BadQuestion."""
    return _asked(request, default_k)


def read_query(request: QueryRequest, *, default_k: int, routes: Sequence[str] = ()) -> Asked:
    """`routes` are those that may be asked for.

    Raises: BadQuestion, also for a field that is reserved and not served yet.
    """
    for name in _LATER:
        if getattr(request, name):
            raise BadQuestion(f"`{name}` is not served yet: leave it out")
    if request.route is not None and request.route not in routes:
        raise BadQuestion(f"`route` is to be one of: {', '.join(routes)}")
    conversation_id = request.conversation_id
    if conversation_id is not None and not _is_short_text(conversation_id, MAX_ID_CHARS):
        raise BadQuestion(f"`conversation_id` is to be a text of 1 to {MAX_ID_CHARS} characters")
    asked = _asked(request, default_k)
    return replace(asked, route=request.route, conversation_id=conversation_id)


def read_url(url: str) -> str:
    """The address of a page, without its anchor. Raises: BadQuestion."""
    page = url.partition("#")[0]
    if not page or len(url) > MAX_URL_CHARS or not _is_text(url):
        raise BadQuestion(f"`url` is to be an address of 1 to {MAX_URL_CHARS} characters")
    return page


def _asked(request: SearchRequest | QueryRequest, default_k: int) -> Asked:
    if request.question is not None and request.query is not None:
        raise BadQuestion("give `question` or `query`, not both")
    k = default_k if request.k is None else request.k
    if not 1 <= k <= MAX_K:
        raise BadQuestion(f"`k` is to be 1 to {MAX_K}")
    text = request.question if request.question is not None else request.query
    return Asked(_read_question(text), k, _read_sources(request.in_))


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


def _is_short_text(text: str, most_chars: int) -> bool:
    return 0 < len(text) <= most_chars and _is_text(text)


def _is_text(text: str) -> bool:
    """Whether a database can hold it: no NUL, no half of a surrogate pair."""
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text)
