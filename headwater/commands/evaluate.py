"""`headwater eval run`: score retrieval on questions with known sources."""

from collections.abc import Mapping
from pathlib import Path

from api.handlers import packing_of
from eval.core.retrieval import RetrievalReport
from eval.handlers import read_questions, score_retrieval
from headwater.console import counting, print_json, print_text, say
from headwater.home import require_index
from headwater.language import open_retrieval
from headwater.runtime import live, open_runtime
from headwater.settings import Settings


async def run_evaluation(
    settings: Settings, questions: Path, *, k: int, env: Mapping[str, str], json: bool
) -> int:
    """Print the scores. Returns: 0, or 1 when a question could not be measured."""
    asked = read_questions(questions)
    require_index(settings)
    async with open_runtime(settings, say) as runtime:
        live(await runtime.store.generations.generations())

        async def is_indexed(url: str) -> bool:
            return await runtime.store.search.page_at(url) is not None

        async with open_retrieval(runtime, env) as answering:
            with counting("questions") as progress:
                report = await score_retrieval(
                    asked,
                    packing=packing_of(k, answering.settings),
                    search=answering.search,
                    is_indexed=is_indexed,
                    progress=progress,
                )
    if json:
        print_json(report)
    else:
        print_text(_summary(report))
    return 1 if report.unmeasured else 0


def _summary(report: RetrievalReport) -> str:
    low, high = report.interval
    return (
        f"retrieval score {report.retrieval_score:.3f} [{low:.3f}, {high:.3f}] on {report.n} questions,"
        f" k = {report.k}; covered {report.covered:.3f}, MRR {report.mrr:.3f}, nDCG {report.ndcg:.3f},"
        f" {report.distinct_pages:.1f} distinct pages, {report.context_chars:.0f} characters,"
        f" {report.unmeasured} unmeasured"
    )
