"""`headwater search` and `headwater ask`: one question from the command line."""

import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from uuid import uuid4

from api.core.markdown import plain_text
from api.core.ports import SilentMeter
from api.handlers import answer_events, search_docs
from headwater.commands.explaining import explained
from headwater.console import print_json, print_part, print_text, say
from headwater.home import require_index
from headwater.language import answering_of, llm_keys, open_language, open_retrieval
from headwater.runtime import live, open_runtime
from headwater.settings import Settings
from schemas.answers import (
    HEADING_JOINT,
    AnswerDelta,
    AnswerEvent,
    Citation,
    QueryRequest,
    QueryResponse,
    SearchRequest,
    SearchResponse,
)


async def run_search(
    settings: Settings, request: SearchRequest, *, env: Mapping[str, str], json: bool
) -> int:
    """Print what retrieval finds. Returns: the exit status."""
    require_index(settings)
    async with open_runtime(settings, say) as runtime:
        live(await runtime.store.generations.generations())
        async with open_retrieval(runtime, env) as answering:
            found = await search_docs(request, answering=answering)
    if json:
        print_json(found)
    else:
        print_text(_hits(found))
    return 0


async def run_ask(
    settings: Settings, request: QueryRequest, *, env: Mapping[str, str], json: bool
) -> int:
    """Print an answer with its citations, on a terminal while it is made. Returns: the exit status."""
    keys = llm_keys(settings, env)
    require_index(settings)
    meter = SilentMeter()
    async with (
        open_runtime(settings, say) as runtime,
        open_language(settings, keys, meter) as language,
    ):
        live(await runtime.store.generations.generations())
        answering = answering_of(runtime, language, meter)
        events = answer_events(request, request_id=uuid4().hex, answering=answering)
        answer = await _shown(events, is_live=not json and sys.stdout.isatty())
    below = _below(answer)
    if answer.explanation is not None:
        below += f"\n\n{explained(answer.explanation)}"
    if json:
        print_json(answer)
    elif sys.stdout.isatty():
        print_text(below)
    else:
        print_text(f"{plain_text(answer.answer)}\n{below}")
    return 0


async def _shown(events: AsyncGenerator[AnswerEvent, None], *, is_live: bool) -> QueryResponse:
    """The whole answer; where it `is_live`, each piece of it is printed as it comes."""
    async with aclosing(events):
        async for event in events:
            if isinstance(event, QueryResponse):
                print_part("\n" if is_live else "")
                return event
            if is_live and isinstance(event, AnswerDelta):
                print_part(plain_text(event.text))
    raise AssertionError("an answer ends with the whole of it")


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


def _state(citation: Citation) -> str:
    """The state of the page that is quoted."""
    of = f" of {citation.committed_at:%Y-%m-%d %H:%M} UTC" if citation.committed_at else ""
    return f"as of {citation.commit[:12]}{of}"


def _below(answer: QueryResponse) -> str:
    """What stands below the text of an answer: its sources, how it was made, and of which state it is."""
    lines = [
        f"[{citation.n}] {_place(citation.title, citation.section)}\n    {citation.url}\n    {_state(citation)}"
        for citation in answer.citations
    ]
    if answer.refused:
        lines += [f"  {url}" for url in answer.sources]
    as_of = ", ".join(
        f"{name} at {state.commit[:12]}" for name, state in sorted(answer.as_of.items())
    )
    made = [f"composed by {answer.llm} ({answer.route.chosen})"] if answer.llm else []
    made += [answer.degraded] if answer.degraded else []
    made += [f"as of {as_of}" if as_of else "no source is indexed yet"]
    return "\n".join(["", *lines, "", "; ".join(made)])
