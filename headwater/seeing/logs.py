"""Log lines: one JSON object each, on stderr, ours and those of libraries alike."""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from structlog.types import Processor

_SHARED: tuple[Processor, ...] = (
    structlog.contextvars.merge_contextvars,
    structlog.processors.add_log_level,
    structlog.processors.TimeStamper(fmt="iso"),
    structlog.processors.format_exc_info,
)


def log_to_stderr() -> None:
    """Write JSON lines. Whatever a value holds, line breaks and escapes included, a line stays one line."""
    structlog.configure(
        processors=[*_SHARED, structlog.processors.JSONRenderer()],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*_SHARED, _name_library],
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.JSONRenderer(),
            ],
        )
    )
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


@contextmanager
def held_back(library: str, *, is_debugging: bool = False) -> Iterator[list[str]]:
    """Keep what a library logs off stderr while the block runs, for a command that ends with one line of its own.

    Yields: the messages, each once.
    """
    logger, heard = logging.getLogger(library), list[str]()
    if is_debugging:
        yield heard
        return
    handler = _Heard(heard)
    before = logger.propagate
    logger.addHandler(handler)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.propagate = before
        logger.removeHandler(handler)


class _Heard(logging.Handler):
    def __init__(self, heard: list[str]) -> None:
        super().__init__(logging.WARNING)
        self._heard = heard

    def emit(self, record: logging.LogRecord) -> None:
        if (message := record.getMessage()) not in self._heard:
            self._heard.append(message)


def _name_library(_logger: Any, _method: str, event: Any) -> Any:
    record = event.get("_record")
    return event | {"logger": record.name} if record is not None else event
