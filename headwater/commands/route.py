"""`headwater route train` and `route eval`: a router from labelled questions, and how good it is."""

from collections.abc import Sequence
from pathlib import Path

from api.adapters.router_file import load_router, save_router
from api.core.signals import Evidence
from eval.adapters.label_file import read_labels
from eval.adapters.router_training import FOLDS, Material, out_of_fold, train_router
from eval.core.labels import Labelled, require_both
from eval.core.route_report import (
    describe_eval,
    describe_training,
    eval_report,
    train_report,
)
from eval.handlers import gather_evidence
from headwater.console import counting, print_json, print_text, say
from headwater.home import require_index
from headwater.runtime import live, open_runtime, utc_now
from headwater.settings import Settings

SEED = 7


async def run_train(
    settings: Settings,
    labels: Path,
    output: Path,
    *,
    evidence: bool,
    caught: float | None,
    json: bool,
) -> int:
    """Write a router and print how good it is out of fold. Returns: the exit status."""
    rows = read_labels(labels)
    require_both(rows, least=FOLDS, name=str(labels))
    material = Material(rows, await _evidence(settings, rows) if evidence else None)
    router = train_router(material, caught=caught, seed=SEED)
    report = train_report(
        router, rows, out_of_fold(material, seed=SEED), file=str(output), seed=SEED
    )
    save_router(router, output)
    if json:
        print_json(report)
    else:
        print_text(describe_training(report))
    return 0


async def run_eval(
    settings: Settings, labels: Path, *, model: Path, against: Path | None, json: bool
) -> int:
    """Print how good a router is on questions it may never have seen. Returns: the exit status."""
    rows = read_labels(labels)
    router = load_router(model)
    other = load_router(against) if against else None
    needs_index = bool(router.features or (other and other.features))
    evidence = await _evidence(settings, rows) if needs_index else [None] * len(rows)
    pairs = list(zip(rows, evidence, strict=True))
    report = eval_report(
        router,
        rows,
        [router.probability(row.question, one) for row, one in pairs],
        [other.probability(row.question, one) for row, one in pairs] if other else None,
        seed=SEED,
    )
    if json:
        print_json(report)
    else:
        print_text(describe_eval(report))
    return 0


async def _evidence(settings: Settings, rows: Sequence[Labelled]) -> list[Evidence]:
    """What this index finds for each question, as an answer would find it."""
    require_index(settings)
    async with open_runtime(settings, say) as runtime:
        live(await runtime.store.generations.generations())
        with counting("questions") as progress:
            return await gather_evidence(
                [row.question for row in rows],
                k=settings.answer.k,
                search=runtime.search,
                now=utc_now(),
                progress=progress,
            )
