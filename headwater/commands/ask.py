"""`headwater search` and `headwater ask`: one question from the command line."""

import time
from uuid import uuid4

from api.core.markdown import plain_text
from api.core.ports import SilentMeter
from api.handlers import Answering, answer_question, search_docs
from headwater.console import print_json, print_text, say
from headwater.home import require_index
from headwater.runtime import live, open_runtime
from headwater.settings import Settings
from schemas.answers import (
    HEADING_JOINT,
    QueryRequest,
    QueryResponse,
    SearchRequest,
    SearchResponse,
)


async def run_search(settings: Settings, question: str, *, k: int, json: bool) -> int:
    """Print what retrieval finds. Returns: the exit status."""
    require_index(settings)
    async with open_runtime(settings, say) as runtime:
        live(await runtime.store.generations.generations())
        request = SearchRequest(question=question, k=k)
        found = await search_docs(request, search=runtime.search, settings=settings.answer)
    if json:
        print_json(found)
    else:
        print_text(_hits(found))
    return 0


async def run_ask(settings: Settings, question: str, *, k: int | None, json: bool) -> int:
    """Print an answer with its citations; `k` None means as configured. Returns: the exit status."""
    require_index(settings)
    async with open_runtime(settings, say) as runtime:
        live(await runtime.store.generations.generations())
        answering = Answering(runtime.search, settings.answer, SilentMeter(), time.perf_counter)
        request = QueryRequest(question=question, k=k)
        answer = await answer_question(request, request_id=uuid4().hex, answering=answering)
    if json:
        print_json(answer)
    else:
        print_text(_answer(answer))
    return 0


def _hits(found: SearchResponse) -> str:
    if not found.hits:
        return "nothing found"
    return "\n\n".join(
        f"{n}. {_place(hit.title, hit.section)}\n   {hit.url}{'#' + hit.anchor if hit.anchor else ''}\n"
        f"   {_shortened(hit.text)}"
        for n, hit in enumerate(found.hits, 1)
    )


def _place(title: str, section: str) -> str:
    """The title and the headings down to the section, which often begin with that same title."""
    headings = section.split(HEADING_JOINT) if section else []
    return HEADING_JOINT.join(headings if headings[:1] == [title] else [title, *headings])


def _shortened(text: str, *, chars: int = 300) -> str:
    line = " ".join(text.split())
    return line if len(line) <= chars else line[:chars].rsplit(" ", 1)[0] + " …"


def _answer(answer: QueryResponse) -> str:
    lines = [plain_text(answer.answer), ""]
    lines += [
        f"[{citation.n}] {_place(citation.title, citation.section)}\n    {citation.url}"
        for citation in answer.citations
    ]
    if answer.refused:
        lines += [f"  {url}" for url in answer.sources]
    as_of = ", ".join(
        f"{name} at {state.commit[:12]}" for name, state in sorted(answer.as_of.items())
    )
    return "\n".join([*lines, "", f"as of {as_of}" if as_of else "no source is indexed yet"])
