"""Running an evaluation: each question through the very search that answers use; and making questions."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path

import msgspec

from api.core.context import Packing
from api.core.ports import Search
from api.core.signals import Evidence, evidence_of
from eval.core.context import shown_of
from eval.core.retrieval import Found, Item, Question, RetrievalReport, page_of, rank_of, report_of
from eval.core.synthesize import template_questions
from index.core.stored import DumpedPage
from schemas.errors import BadConfiguration, HeadwaterError
from schemas.ids import SourceName

IsIndexed = Callable[[str], Awaitable[bool]]
"""Whether a page's URL, without an anchor, is in the index."""
Dump = Callable[[SourceName], Awaitable[Mapping[str, DumpedPage]]]
"""The pages of a source, by path."""
Progress = Callable[[int, int], None]


def read_questions(file: Path) -> list[Question]:
    """Read one question a line. Raises: BadConfiguration, naming the line."""
    try:
        lines = file.read_text("utf-8").split("\n")  # JSON strings may hold other line ends
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfiguration(f"{file}: {error}") from None
    questions = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            questions.append(msgspec.json.decode(line, type=Question))
        except (msgspec.ValidationError, msgspec.DecodeError) as error:
            raise BadConfiguration(f"{file} line {number}: {error}") from None
    if not questions:
        raise BadConfiguration(f"{file} holds no question")
    return questions


async def score_retrieval(
    questions: Sequence[Question],
    *,
    packing: Packing,
    search: Search,
    is_indexed: IsIndexed,
    progress: Progress = lambda *_: None,
) -> RetrievalReport:
    """Score what `packing` places for every question, one after the other; an error leaves its question unmeasured."""
    items: list[Item] = []
    found: list[Found | None] = []
    for number, question in enumerate(questions, 1):
        try:
            got = await _find(question, packing, search)
            is_covered = await is_indexed(page_of(question.source))
        except Exception as error:  # a bug that one question meets must not end the others
            items.append(_unmeasured(question, error))
            found.append(None)
        else:
            items.append(_item(question, got, is_covered=is_covered))
            found.append(got)
        progress(number, len(questions))
    return report_of(items, found, k=packing.k)


async def gather_evidence(
    questions: Sequence[str],
    *,
    k: int,
    search: Search,
    now: datetime,
    progress: Progress = lambda *_: None,
) -> list[Evidence]:
    """What the index has to say to each question, as a route is chosen by it; ages are counted to `now`.

    Raises: what the search raises: a router learns from all of the questions or from none.
    """
    found = []
    for number, question in enumerate(questions, 1):
        hits = (await search(question, k=k, sources=None)).hits
        found.append(evidence_of(hits, now=now))
        progress(number, len(questions))
    return found


async def synthesize_questions(
    sources: Sequence[SourceName], *, dump: Dump, count: int, seed: int
) -> list[Question]:
    """At most `count` questions about the pages of `sources`; see `template_questions`."""
    pages = [page for name in sources for _, page in sorted((await dump(name)).items())]
    return await asyncio.to_thread(template_questions, pages, count=count, seed=seed)


async def _find(question: Question, packing: Packing, search: Search) -> Found:
    response = await search(question.question, k=packing.k, sources=None)
    shown = shown_of(response.hits, packing)
    return Found(tuple(one.url for one in shown), sum(one.chars for one in shown))


def _item(question: Question, got: Found, *, is_covered: bool) -> Item:
    return Item(
        question=question.question,
        source=question.source,
        rank=rank_of(question.source, got.urls),
        is_covered=is_covered,
        urls=tuple(dict.fromkeys(got.urls)),
    )


def _unmeasured(question: Question, error: Exception) -> Item:
    told = str(error) if isinstance(error, HeadwaterError) else f"{type(error).__name__}: {error}"
    return Item(
        question=question.question,
        source=question.source,
        rank=None,
        is_covered=False,
        urls=(),
        error=told,
    )
