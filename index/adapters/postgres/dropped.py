"""Telling a generation that has been dropped from a failure."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from schemas.errors import GenerationGone
from schemas.ids import Generation

_REFERENCES = ("page_state_generation_fkey", "lexical_source_generation_fkey")


@contextmanager
def unless_dropped(generation: Generation) -> Iterator[None]:
    """Run what reads or writes one generation. Raises: GenerationGone where its tables or its row are not there."""
    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        raise GenerationGone(generation) from error
    except psycopg.errors.ForeignKeyViolation as error:
        if error.diag.constraint_name in _REFERENCES:
            raise GenerationGone(generation) from error
        raise
