"""`headwater topics apply`: the topics of a deployment."""

import asyncio
from collections.abc import Mapping

import msgspec

from headwater.console import print_json, print_text
from headwater.seeing.logs import held_back
from headwater.settings import Settings
from headwater.transport import broker_of, require_clients
from schemas.errors import BrokerUnavailable, WrongUse


class TopicsReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater topics apply` prints: what it mended, or found with --check, and what it cannot mend."""

    mended: tuple[str, ...]
    drifted: tuple[str, ...]


async def run_topics(settings: Settings, *, env: Mapping[str, str], check: bool, json: bool) -> int:
    """Apply or list what differs. Returns: 0, or 1 when something is left that differs."""
    if not settings.kafka.servers:
        raise WrongUse("no broker is configured: set [kafka] servers or HEADWATER_KAFKA")
    require_clients()
    from headwater.adapters.kafka_topics import apply_topics

    broker = broker_of(settings.kafka, env)
    with held_back("kafka", is_debugging=bool(env.get("HEADWATER_DEBUG"))) as heard:
        try:
            drifts = await asyncio.to_thread(apply_topics, broker, check=check)
        except (
            BrokerUnavailable
        ) as error:  # the client's first word is the cause, the rest follows from it
            why = f"{error.reason} ({heard[0]})" if heard else error.reason
            raise BrokerUnavailable(why) from error
    told = [(f"{drift.topic}: {drift.what}", drift.can_mend and not check) for drift in drifts]
    report = TopicsReport(
        mended=tuple(line for line, is_mended in told if is_mended),
        drifted=tuple(line for line, is_mended in told if not is_mended),
    )
    if json:
        print_json(report)
    else:
        lines = [f"mended {line}" for line in report.mended]
        lines += [f"differs {line}" for line in report.drifted]
        print_text("\n".join(lines) or "the topics are as they have to be")
    return 1 if report.drifted else 0
