"""Refusals: questions that the docs answer, questions of another corpus, and questions whose own page is taken away."""

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from api.handlers import quote_hits
from bench.corpus import DEV_QUESTIONS, SYNTHETIC_QUESTIONS, require_data
from bench.lab import Recorded, indexed_docs, question_file
from bench.record import machine, write_result
from bench.sizes import size
from eval.core.refusals import Share, auroc, refused_share, threshold_for
from eval.core.retrieval import Question, page_of
from eval.handlers import read_questions
from headwater.runtime import Runtime
from index.handlers import Within, search_index

NAME = "refusals"
_K = 7
_MOST_REFUSED = 0.05
_OFF_DOMAIN = "BENCH_OFF_DOMAIN"
"""Names files of off-domain questions, one `{"question": …}` a line, in place of those of this benchmark."""
_FILES = ("off-domain.jsonl", "off-domain-templates.jsonl")


def run() -> None:
    """Weigh the evidence of every question, and choose the threshold on the generated ones."""
    require_data()
    started = machine()
    write_result(NAME, asyncio.run(_measure()), started)


async def _measure() -> dict[str, object]:
    files = [Path(named) for named in os.environ.get(_OFF_DOMAIN, "").split(os.pathsep) if named]
    files = files or [file for file in map(question_file, _FILES) if file.exists()]
    async with indexed_docs() as runtime:
        scores = {}
        for file in files:
            asked = _questions(file)
            scores[file.stem] = await _scores(runtime, asked[: size(len(asked), 20)])
        for label, named in (("generated", SYNTHETIC_QUESTIONS), ("written", DEV_QUESTIONS)):
            questions = read_questions(named)
            questions = questions[: size(len(questions), 20)]
            covered = [one for one in questions if await _is_covered(runtime, one)]
            scores[label] = await _scores(runtime, [one.question for one in questions])
            scores[f"{label}_answerable"] = await _scores(
                runtime, [one.question for one in covered]
            )
            scores[f"{label}_without_their_page"] = await _scores(
                runtime,
                [one.question for one in covered],
                [page_of(one.source) for one in covered],
            )
        shipped = runtime.settings.answer.refuse_below
    chosen = threshold_for(scores["generated"], most_refused=_MOST_REFUSED)
    return {
        "threshold_shipped": shipped,
        "threshold_at_5_percent_of_generated": round(chosen, 4),
        "refused_as_shipped": _refused(scores, shipped),
        "refused_at_5_percent_of_generated": _refused(scores, chosen),
        "auroc": {
            f"{ours} against {theirs}": _auroc(scores[ours], scores[theirs])
            for ours in ("generated_answerable", "written_answerable")
            for theirs in (*(file.stem for file in files), _near(ours))
        },
    }


def _near(answerable: str) -> str:
    return f"{answerable.removesuffix('answerable')}without_their_page"


async def _is_covered(runtime: Runtime, question: Question) -> bool:
    return await runtime.store.search.page_at(page_of(question.source)) is not None


async def _scores(
    runtime: Runtime, questions: Sequence[str], without: Sequence[str] = ()
) -> list[float]:
    """The weight of the evidence that the answering path finds, question by question."""
    recorded = Recorded(runtime)
    searcher = recorded.searcher(runtime.searcher.weights)
    settings = runtime.settings.answer
    scores = []
    for n, question in enumerate(questions):
        recorded.without = without[n] if without else None
        found = await search_index(question, k=_K, within=Within(), searcher=searcher)
        scores.append(quote_hits(question, found.hits, settings).score)
    return scores


def _refused(scores: dict[str, list[float]], threshold: float) -> dict[str, object]:
    return {
        label: _shown(refused_share(of_set, threshold), len(of_set))
        for label, of_set in scores.items()
    }


def _shown(share: Share, n: int) -> dict[str, object]:
    interval = [round(bound, 4) for bound in share.interval]
    return {"n": n, "refused": round(share.share, 4), "interval": interval}


def _auroc(answerable: Sequence[float], others: Sequence[float]) -> dict[str, object]:
    value, interval = auroc(answerable, others)
    return {"auroc": round(value, 4), "interval": [round(bound, 4) for bound in interval]}


def _questions(file: Path) -> list[str]:
    decoder = msgspec.json.Decoder(dict[str, object])
    return [
        str(decoder.decode(line)["question"])
        for line in file.read_text("utf-8").splitlines()
        if line
    ]
