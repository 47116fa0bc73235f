"""`headwater migrate`: the database's schema."""

import asyncio
from pathlib import Path

import msgspec

from headwater.console import print_json, print_text, say
from headwater.home import has_database
from headwater.settings import Settings
from index.adapters.postgres.migrate import migrate, migrations
from index.adapters.postgres.server import EmbeddedServer


class MigrateReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater migrate` prints: the migrations applied, or missing with --check."""

    applied: tuple[str, ...]
    missing: tuple[str, ...]


async def run_migrate(settings: Settings, *, check: bool, json: bool) -> int:
    """Apply or list what is missing. Returns: 0, or 1 when --check finds something."""
    names = await asyncio.to_thread(_migrate, settings, check=check)
    report = MigrateReport(applied=() if check else names, missing=names if check else ())
    if json:
        print_json(report)
    else:
        verb = "missing" if check else "applied"
        print_text("\n".join(f"{verb} {name}" for name in names) or "the schema is up to date")
    return 1 if report.missing else 0


def _migrate(settings: Settings, *, check: bool) -> tuple[str, ...]:
    if check and not has_database(settings):
        return tuple(name for _, name, _ in migrations())
    if settings.database.url:
        return tuple(migrate(settings.database.url, check=check))
    server = EmbeddedServer.start(Path(settings.home), say)
    try:
        return tuple(migrate(server.address.conninfo, check=check))
    finally:
        server.close()
