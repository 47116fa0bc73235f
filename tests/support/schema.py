"""The schema of a database as a value that can be compared; run it with a conninfo to write the snapshot anew."""

import sys
from pathlib import Path

import psycopg

SNAPSHOT = Path(__file__).parents[1] / "contracts" / "schema.txt"

_COLUMNS = """
SELECT table_name, column_name, data_type, is_nullable, coalesce(column_default, ''), is_identity,
       coalesce(collation_name, '')
  FROM information_schema.columns WHERE table_schema = 'public' ORDER BY table_name, ordinal_position
"""
_INDEXES = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef"
_CONSTRAINTS = """
SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint
 WHERE connamespace = 'public'::regnamespace AND contype <> 'n' ORDER BY 1, 2
"""


def schema_of(conninfo: str) -> list[str]:
    """Columns, indexes and constraints of every table, a line each."""
    with psycopg.connect(conninfo) as connection:
        return [
            " | ".join(str(value) for value in row)
            for query in (_COLUMNS, _INDEXES, _CONSTRAINTS)
            for row in connection.execute(query.encode()).fetchall()
        ]


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(schema_of(sys.argv[1])) + "\n", "utf-8")
