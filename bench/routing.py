"""Routing: routers trained on published labels, by the question alone and with the evidence of this index."""

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from api.core.route import strength
from api.core.signals import Evidence, evidence_of
from api.settings import RouterSettings
from bench.corpus import (
    BUNDLE,
    DATA,
    DEV_QUESTIONS,
    SYNTHETIC_QUESTIONS,
    clone_history,
    git,
    require_data,
    source_toml,
    unpack_api_pages,
    workspace,
)
from bench.record import machine, write_result
from eval.adapters.label_file import read_labels
from eval.adapters.router_training import Material, out_of_fold, train_router
from eval.core.labels import Labelled
from eval.core.retrieval import Question, page_of
from eval.core.route_report import eval_report, train_report
from eval.core.routing import Outcomes, gain_of, ranking_of
from eval.handlers import read_questions
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, open_runtime
from headwater.settings import load_settings
from schemas.answers import Hit

NAME = "routing"
_K = 7
_SEED = 7
_URL = "https://docs.ray.io/en/master/"
Ages = Mapping[str, datetime]
"""When the text of a page was last changed, by URL."""


def run() -> None:
    """Index the documentation at `eval` and the API pages, then ask every labelled question."""
    require_data()
    started = machine()
    with workspace() as folder:
        (folder / "headwater.toml").write_text(
            source_toml(name="ray", kind="git", location=BUNDLE, ref="eval")
            + source_toml(
                name="api", kind="folder", location=unpack_api_pages(folder), url=f"{_URL}{{path}}"
            ),
            "utf-8",
        )
        ages, now = _changed_at(clone_history(folder, at="eval"))
        figures = asyncio.run(_measure(folder, ages, now))
    write_result(NAME, figures, started)


def _changed_at(repository: Path) -> tuple[Ages, datetime]:
    """When each page's file was last changed, and the newest of these.

    An index built in one go has one commit for all pages; the history knows better. What was there at its first commit
    counts as that old, and API pages have no age.
    """
    changed: dict[str, datetime] = {}
    at = datetime.now(UTC)
    log = git(repository, "log", "--name-only", "--format=@%cI", "eval", "--", "doc/source")
    for line in log.splitlines():
        if line.startswith("@"):
            at = datetime.fromisoformat(line[1:])
        elif line:
            stem = line.removeprefix("doc/source/").rpartition(".")[0]
            changed.setdefault(f"{_URL}{stem}.html", at)
    return changed, max(changed.values())


async def _measure(folder: Path, ages: Ages, now: datetime) -> dict[str, object]:
    train, test = (read_labels(DATA / "routing" / name) for name in ("train.jsonl", "test.jsonl"))
    settings = load_settings(None, os.environ, folder=folder)
    async with open_runtime(settings, say) as runtime:
        _, troubles = await index_all(runtime, SyncProgress(None))
        if troubles:
            raise troubles[0]
        found = [
            await _evidence(runtime, [row.question for row in rows], ages, now)
            for rows in (train, test)
        ]
        default = {
            name: await _strengths(runtime, read_questions(file), settings.router)
            for name, file in (("generated", SYNTHETIC_QUESTIONS), ("written", DEV_QUESTIONS))
        }
    return {
        **_trained(train, test, found[0], found[1]),
        "strength_on_test": msgspec.to_builtins(
            ranking_of(_outcomes(test, [strength(one) for one in found[1]]), seed=_SEED)
        ),
        "strength_against_pages_found": default,
    }


def _trained(
    train: Sequence[Labelled],
    test: Sequence[Labelled],
    train_evidence: Sequence[Evidence],
    test_evidence: Sequence[Evidence],
) -> dict[str, object]:
    figures: dict[str, object] = {}
    judged, probabilities = [], []
    for name, material in (
        ("query", Material(train)),
        ("query_and_evidence", Material(train, train_evidence)),
    ):
        router = train_router(material, caught=None, seed=_SEED)
        judged.append(out_of_fold(material, seed=_SEED))
        pairs = zip(test, test_evidence, strict=True)
        probabilities.append([router.probability(row.question, one) for row, one in pairs])
        figures[name] = {
            "features": msgspec.to_builtins(router.features),
            "train": msgspec.to_builtins(
                train_report(router, train, judged[-1], file="", seed=_SEED)
            ),
            "test": msgspec.to_builtins(
                eval_report(router, test, probabilities[-1], None, seed=_SEED)
            ),
        }
    figures["gain_of_evidence_on_test"] = msgspec.to_builtins(
        gain_of(_outcomes(test, probabilities[1]), _outcomes(test, probabilities[0]), seed=_SEED)
    )
    figures["gain_of_evidence_out_of_fold"] = msgspec.to_builtins(
        gain_of(judged[1], judged[0], seed=_SEED)
    )
    return figures


async def _evidence(
    runtime: Runtime, questions: Sequence[str], ages: Ages, now: datetime
) -> list[Evidence]:
    return [
        evidence_of(_aged((await runtime.search(question, k=_K, sources=None)).hits, ages), now=now)
        for question in questions
    ]


def _aged(hits: Sequence[Hit], ages: Ages) -> list[Hit]:
    return [msgspec.structs.replace(hit, committed_at=ages.get(hit.url)) for hit in hits]


async def _strengths(
    runtime: Runtime, questions: Sequence[Question], settings: RouterSettings
) -> dict[str, object]:
    """How well the strength of the evidence tells questions whose page is found from the others."""
    strengths, targets = [], []
    for question in questions:
        hits = (await runtime.search(question.question, k=_K, sources=None)).hits
        strengths.append(strength(evidence_of(hits, now=datetime.now(UTC))))
        targets.append(int(page_of(question.source) in {hit.url for hit in hits}))
    outcomes = Outcomes(targets, strengths, [question.question for question in questions])
    return {
        "n": len(targets),
        "escalated": sum(one < settings.escalate_below for one in strengths) / len(strengths),
        "ranking": msgspec.to_builtins(ranking_of(outcomes, seed=_SEED)),
    }


def _outcomes(rows: Sequence[Labelled], probabilities: Sequence[float]) -> Outcomes:
    return Outcomes(
        [row.target for row in rows], probabilities, [row.question.lower() for row in rows]
    )
