"""What the query API takes and gives: the shapes of its JSON bodies."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta

MAX_QUESTION_CHARS = 4_000
MAX_K = 50
MAX_AROUND = 4
MAX_PATTERNS = 20
HEADING_JOINT = " \u203a "

K = Annotated[int, Meta(ge=1, le=MAX_K, description="How many chunks to retrieve.")]
Sources = Annotated[
    tuple[str, ...],
    Meta(min_length=1, max_length=100, description="Look in these sources only."),
]
Paths = Annotated[
    tuple[str, ...],
    Meta(
        min_length=1,
        max_length=MAX_PATTERNS,
        description="Look only in pages whose path in their source matches one of these patterns.",
    ),
]
Version = Annotated[
    str, Meta(description="Look only in sources that are configured as of this version.")
]
MinCommit = Annotated[
    dict[str, str],
    Meta(
        max_length=100,
        description="Wait until these commits are searchable, by source: at least 7 hex digits of each.",
    ),
]


class AsOf(msgspec.Struct, frozen=True, kw_only=True):
    """The state of a source that an answer reflects, and how many of its pages are parked."""

    commit: str
    committed_at: datetime
    indexed_at: datetime
    parked: int = 0


class Why(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why a chunk ranked where it did.

    Its score is `cosine`, `lexical` and `exact_bonus` together, by `path_weight`, with `page_bonus` and `pinned_bonus`
    on top. `exact_bonus` is given where the question names what it defines. `lexical` is what its `lexical_share`
    counts, the part of the question's best BM25 score that it has. `page_bonus` is what further chunks of the page add,
    for the page's best one. `likeness` is that of the question to the one whose curated answer it is. `synonyms` are
    the terms standing in it that the question has not and was looked for by.
    """

    path: str
    cosine: float
    lexical: float
    lexical_share: float
    exact_bonus: float = 0.0
    page_bonus: float = 0.0
    path_weight: float = 1.0
    pinned_bonus: float = 0.0
    likeness: float | None = None
    synonyms: tuple[str, ...] = ()


class LeftOutReason(StrEnum):
    """Why something found is not in an answer: its path weighs nothing, it answers a question that is not asked, its
    source or its page has all places that it may have, or it says what a better one says.
    """

    CAPPED = "capped"
    HIDDEN = "hidden"
    NOT_ASKED = "not_asked"
    PAGE_FULL = "page_full"
    REPEATS = "repeats"


class LeftOut(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A section that was found and left out; `likeness` is that of its question to the one asked."""

    url: str
    section: str
    source: str
    path: str
    reason: LeftOutReason
    likeness: float | None = None


Spans = tuple[tuple[int, int], ...]
"""Parts of a text, in order: where each begins and where it has ended, in characters."""


class Hit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A chunk found.

    `url` is the page's, without an anchor; `section` the heading path, joined by HEADING_JOINT;
    `anchor` "" for the top of the page. `score` orders the hits of one search and means nothing
    beside another's. `similarity` is the cosine of question and chunk, in [-1, 1], None where no
    vectors were compared; `lexical` is its BM25 score, None where no term matches. `vector_rank` and
    `lexical_rank` are its places, from 1, among all chunks that either ranking brought, None where
    the ranking has it not. `committed_at` is of `commit`. `before` and `after` are at most MAX_AROUND
    texts of its section each, in reading order: answers are composed with them, and `POST /search`
    leaves them out. `code` are, of each of `before`, `text` and `after`, the parts that are code within a line, or
    nothing where none has any. `why` is told where it is asked for. `pinned` where it is the curated answer to the
    question that was asked.
    """

    url: str
    title: str
    section: str
    anchor: str
    text: str
    score: float
    source: str
    commit: str
    similarity: float | None = None
    lexical: float | None = None
    vector_rank: int | None = None
    lexical_rank: int | None = None
    committed_at: datetime | None = None
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    pinned: bool = False
    why: Why | None = None
    code: tuple[Spans, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was looked for and what became of it: `terms` of the `question` as it was looked for, and of its `synonyms`.

    `hits` are there with an answer; `left_out` are the nearest sections that the configuration keeps from it.
    """

    question: str
    terms: tuple[str, ...]
    synonyms: tuple[str, ...] = ()
    hits: tuple[Hit, ...] = ()
    left_out: tuple[LeftOut, ...] = ()


class SearchRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question for retrieval alone; `query` is another name for `question`.

    `in`, `path` and `version` narrow where it looks. `min_commit` has it wait until those commits are searchable.
    `explain` asks why hits rank as they do.
    """

    question: str | None = None
    query: str | None = None
    in_: Sources | None = msgspec.field(default=None, name="in")
    path: Paths | None = None
    version: Version | None = None
    k: K | None = None
    min_commit: MinCommit | None = None
    explain: bool = False


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What language models took for an answer: nothing where it is quoted, or was composed before (`cached`).

    `estimated` where a model did not say how many tokens it took.
    """

    input_tokens: int
    output_tokens: int
    cost: float
    estimated: bool = False
    cached: bool = False


NOTHING_USED = Usage(input_tokens=0, output_tokens=0, cost=0.0)


class SearchResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Chunks, best first, and the state of each source they were looked for in.

    `explanation` and each hit's `why` are told where they are asked for, `usage` where a model put them in order.
    """

    question: str
    hits: list[Hit]
    as_of: dict[str, AsOf]
    degraded: str | None = None
    explanation: Explanation | None = None
    usage: Usage | None = None


class QueryRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question to answer.

    `in`, `path` and `version` narrow where it is looked for. `min_commit` has it wait until those commits are
    searchable. `route` names what is to answer: a configured role, or `extractive`. A `conversation_id` that is
    not known, such as "new", begins a conversation, whose id the answer tells. `stream` asks for server-sent events.
    `explain` asks why sections rank as they do.
    """

    question: str | None = None
    query: str | None = None
    in_: Sources | None = msgspec.field(default=None, name="in")
    path: Paths | None = None
    version: Version | None = None
    k: K | None = None
    route: str | None = None
    min_commit: MinCommit | None = None
    conversation_id: str | None = None
    stream: bool = False
    explain: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One question of a conversation and what it was answered."""

    question: str
    answer: str


class Citation(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the marker `[n]` of an answer stands for.

    `url` leads to the section; `quote` is text of the page, to the letter, with " … " where
    something is left out. `commit` is that of the sync which last published the page, and
    `committed_at` its time, where that is known.
    """

    n: int
    url: str
    title: str
    section: str
    quote: str
    commit: str
    committed_at: datetime | None = None


class Route(msgspec.Struct, frozen=True, kw_only=True):
    """How an answer was made and why; `score` is the weight of the evidence, in [0, 1]."""

    chosen: str
    reason: str
    score: float


class QueryResponse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An answer in Markdown with citations, or a refusal with the nearest pages as `sources`.

    `fallback_url` is where else to ask, for a refusal where one is configured.
    """

    request_id: str
    question: str
    answer: str
    sources: list[str]
    citations: list[Citation]
    llm: str | None
    route: Route
    as_of: dict[str, AsOf]
    refused: bool
    latency_ms: float
    usage: Usage
    degraded: str | None = None
    conversation_id: str | None = None
    fallback_url: str | None = None
    explanation: Explanation | None = None


class AnswerMeta(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The event `meta`: what is known before the first word. `route` is the one tried first."""

    request_id: str
    question: str
    route: Route
    as_of: dict[str, AsOf]
    conversation_id: str | None = None


class AnswerDelta(msgspec.Struct, frozen=True, kw_only=True):
    """The event `delta`: the next piece of the answer. All pieces in a row are the answer, to the letter."""

    text: str


AnswerEvent = AnswerMeta | AnswerDelta | QueryResponse
"""One `meta`, any number of `delta`, then `done`: the whole answer as it is given without a stream."""


class PageSection(msgspec.Struct, frozen=True, kw_only=True):
    """A heading of a page, the headings down to it, and its own text."""

    heading: str
    path: tuple[str, ...]
    anchor: str
    text: str


class PageResponse(msgspec.Struct, frozen=True, kw_only=True):
    """A page as indexed; `path` is where its file stands in the source."""

    url: str
    title: str
    source: str
    path: str
    commit: str
    sections: list[PageSection]
    as_of: dict[str, AsOf]


class Problem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An error as a client sees it (RFC 9457); `ready` and `parts` are for `/readyz` alone.

    `as_of` says what is searchable where a demanded commit is not.
    """

    title: str
    status: int
    detail: str
    request_id: str
    ready: bool | None = None
    parts: dict[str, str] | None = None
    as_of: dict[str, AsOf] | None = None


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """Every part answers."""

    ready: bool
    parts: dict[str, str]
