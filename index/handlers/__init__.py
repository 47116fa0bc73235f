"""The use cases of an index: applying pages, and searching them."""

from index.handlers.apply import ReadAhead, ReadPages, Receiver, apply_page, embed_ahead, read_ahead
from index.handlers.commits import CommitWaiter
from index.handlers.search import Searcher, Within, search_index

__all__ = [
    "CommitWaiter",
    "ReadAhead",
    "ReadPages",
    "Receiver",
    "Searcher",
    "Within",
    "apply_page",
    "embed_ahead",
    "read_ahead",
    "search_index",
]
