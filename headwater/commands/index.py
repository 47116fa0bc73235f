"""`headwater index`: bring the index in step with the sources, once."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path

from headwater.commands.index_other import ask_follower, preview
from headwater.console import SyncProgress, print_json, print_text, say, sync_progress
from headwater.generations import (
    choose_generation,
    prepare_generation,
    promote_generation,
    warn_of_recall,
)
from headwater.home import claim_of
from headwater.indexing import IndexReport, ignore, index_source, open_source
from headwater.keeping import keeping_database
from headwater.runtime import Runtime, consuming, open_runtime, tidy
from headwater.settings import Settings
from schemas.errors import BadSource, HeadwaterError, SourceUnreachable

_OTHER_INDEX_WAIT_S = 0.5
_WHY = " (`headwater status` tells why)"


async def run(settings: Settings, *, env: Mapping[str, str], dry_run: bool, json: bool) -> int:
    """Index every source and print what happened. Returns: the exit status."""
    claim = claim_of(settings)
    if dry_run:
        return await preview(settings, json=json)
    if not await asyncio.to_thread(claim.take_exclusive, timeout_s=_OTHER_INDEX_WAIT_S):
        say("another process follows these sources: asking it to look, and waiting until it has")
        asked = await ask_follower(settings, is_free=claim.take_exclusive)
        if asked is not None:
            _print(asked, settings, json=json)
            return 0
    try:
        async with open_runtime(
            settings, say, env=env, answers=not settings.kafka.servers
        ) as runtime:
            with sync_progress() as progress:
                reports, troubles = await index_all(runtime, progress)
    finally:
        await asyncio.to_thread(claim.release)
    if reports:
        _print(reports, settings, json=json)
    for trouble in troubles[1:]:
        say(str(trouble))
    if troubles:
        raise troubles[0]
    return 0


async def index_all(
    runtime: Runtime, progress: SyncProgress
) -> tuple[list[IndexReport], list[HeadwaterError]]:
    """Bring every configured source into the generation that is configured, and answer from it.

    A source in trouble does not hold up the others. Returns: what was indexed, and what went wrong.
    """
    target = await choose_generation(runtime)
    home = Path(runtime.settings.home)
    reports: list[IndexReport] = []
    troubles: list[HeadwaterError] = []
    async with keeping_database(runtime.store), consuming(runtime, ignore):
        for source_settings in runtime.settings.source:
            try:
                async with open_source(source_settings, home, runtime.examine) as source:
                    reports.append(await index_source(source, runtime, target, progress=progress))
            except (BadSource, SourceUnreachable) as error:
                troubles.append(error)
        if reports:
            await prepare_generation(runtime, target)
            await warn_of_recall(runtime, target, say)
            if lacking := await promote_generation(runtime, target):
                say(lacking)
    await tidy(runtime)
    return reports, troubles


def _print(reports: Sequence[IndexReport], settings: Settings, *, json: bool) -> None:
    """Print one report, or a list of them where several sources were asked for."""
    if json:
        print_json(reports[0] if len(settings.source) == 1 else reports)
        return
    for report in reports:
        pages = report.pages
        why = _WHY if pages.parked else ""
        print_text(
            f"{report.source} at {report.commit[:12]}: {pages.added} added, {pages.changed} changed,"
            f" {pages.moved} moved, {pages.deleted} deleted, {pages.unchanged} unchanged,"
            f" {pages.parked} parked{why};"
            f" {_embedded(report)}{report.chunks.total} chunks,"
            f" {report.seconds.total:.1f} s"
        )


def _embedded(report: IndexReport) -> str:
    return "" if report.texts_embedded is None else f"{report.texts_embedded} texts embedded, "
