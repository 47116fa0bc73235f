"""The program, noting when it reads, embeds and writes.

    TIMELINE=FILE python -m bench.traced_main COMMAND...

At its end the file holds one line for each reading, embedding and writing: what, begin and end on the clock that all
processes of a machine share, and how many texts.
"""

import atexit
import functools
import json
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from headwater import main as program
from headwater.metering import MeteredEmbed, MeteredPages
from index.adapters.reading_pool import ReadingPool

_Span = tuple[str, float, float, int]


def _noting(spans: list[_Span], what: str, of: type, method: str) -> None:
    plain: Callable[..., Awaitable[Any]] = getattr(of, method)

    @functools.wraps(plain)
    async def noted(self: Any, *args: Any, **kwargs: Any) -> Any:
        begin_s = time.perf_counter()
        try:
            return await plain(self, *args, **kwargs)
        finally:
            first = args[0] if args else None
            texts = len(first) if what == "embed" and isinstance(first, Sequence) else 0
            spans.append((what, begin_s, time.perf_counter(), texts))

    setattr(of, method, noted)


def main() -> None:
    """Wire, then run the command line as `headwater` does."""
    spans: list[_Span] = []
    _noting(spans, "embed", MeteredEmbed, "__call__")
    _noting(spans, "read", ReadingPool, "__call__")
    _noting(spans, "write", MeteredPages, "add_vectors")
    _noting(spans, "write", MeteredPages, "apply")
    file = Path(os.environ["TIMELINE"])
    atexit.register(
        lambda: file.write_text("".join(f"{json.dumps(span)}\n" for span in spans), "utf-8")
    )
    program.main()


if __name__ == "__main__":
    main()
