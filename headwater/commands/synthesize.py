"""`headwater eval synthesize`: questions with known sources, made from what is indexed."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import msgspec

from eval.adapters.question_file import write_questions
from eval.core.retrieval import page_of
from eval.handlers import synthesize_questions
from headwater.console import print_json, print_text, say
from headwater.home import require_index
from headwater.runtime import live, open_runtime
from headwater.settings import Settings
from schemas.errors import UnknownSource, WrongUse


class SynthesizeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What `headwater eval synthesize` prints: how many questions about how many pages stand in the file."""

    file: str
    questions: int
    pages: int
    asked: int
    seed: int


async def run_synthesis(
    settings: Settings, out: Path, *, count: int, seed: int, sources: Sequence[str], json: bool
) -> int:
    """Write the questions and print how many. Returns: the exit status."""
    require_index(settings)
    async with open_runtime(settings, say, answers=False) as runtime:
        generations = runtime.store.generations
        generation = live(await generations.generations()).generation
        known = [status.source for status in await generations.statuses(generation)]
        for name in sources:
            if name not in known:
                raise UnknownSource(name)
        questions = await synthesize_questions(
            [name for name in known if not sources or name in sources],
            dump=partial(generations.dump, generation),
            count=count,
            seed=seed,
        )
    if not questions:
        raise WrongUse("no section that is indexed tells what it is about: no question was made")
    write_questions(questions, out)
    pages = len({page_of(question.source) for question in questions})
    report = SynthesizeReport(
        file=str(out), questions=len(questions), pages=pages, asked=count, seed=seed
    )
    if json:
        print_json(report)
    else:
        print_text(_summary(report))
    return 0


def _summary(report: SynthesizeReport) -> str:
    least = "" if report.questions == report.asked else f", all of {report.asked:,} that there are"
    return (
        f"wrote {report.file}: {report.questions:,} questions about {report.pages:,} pages{least}"
    )
