"""Builds the query API: handlers bound to what they need, as routes."""

import time
from functools import partial

from litestar.handlers import HTTPRouteHandler

from api.adapters.http import page_route, query_route, search_route
from api.core.ports import Meter, PageAt, Search, SilentMeter
from api.handlers import Answering, answer_question, find_page, search_docs
from api.settings import AnswerSettings


def routes(
    search: Search, page_at: PageAt, settings: AnswerSettings, *, meter: Meter | None = None
) -> list[HTTPRouteHandler]:
    """POST /query, POST /search and GET /pages, for the process's one app."""
    answering = Answering(search, settings, meter or SilentMeter(), time.perf_counter)
    return [
        query_route(partial(answer_question, answering=answering)),
        search_route(partial(search_docs, search=search, settings=settings)),
        page_route(partial(find_page, page_at=page_at)),
    ]
