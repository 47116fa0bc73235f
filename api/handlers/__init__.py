"""What the API does: answer, search, show a page."""

from api.handlers.answering import (
    Answering,
    answer_events,
    answer_question,
    packing_of,
    quote_hits,
    refuse_to_wait,
)
from api.handlers.composing import Composing
from api.handlers.finding import find_page, search_docs
from api.handlers.reranking import ModelReranker, RerankedSearch
from api.handlers.talking import Talking

__all__ = [
    "Answering",
    "Composing",
    "ModelReranker",
    "RerankedSearch",
    "Talking",
    "answer_events",
    "answer_question",
    "find_page",
    "packing_of",
    "quote_hits",
    "refuse_to_wait",
    "search_docs",
]
