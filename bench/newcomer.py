"""Quoted answers as newcomers meet them: what the docs of two invented products say, and what they do not."""

import asyncio
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from api.core.quote import Quoted
from api.handlers import quote_hits
from bench.corpus import workspace
from bench.lab import question_file
from bench.record import machine, write_result
from headwater.commands.index import index_all
from headwater.console import SyncProgress, say
from headwater.runtime import Runtime, open_runtime
from headwater.settings import load_settings
from index.handlers import Within, search_index
from schemas.answers import Hit

NAME = "newcomer"
_K = 7


class NewcomerQuestion(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question about the docs in `corpus`; its answer has all of `says`, and without any it is to be refused."""

    corpus: str
    kind: str
    question: str
    says: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and what the index found for it, best first."""

    question: NewcomerQuestion
    hits: Sequence[Hit]


def run() -> None:
    """Judge the answers to every question, by kind."""
    started = machine()
    asked = asyncio.run(asked_of_all())
    with workspace() as folder:
        settings = load_settings(None, os.environ, folder=folder).answer
    judged = [
        (
            one.question,
            is_right(one.question, quote_hits(one.question.question, one.hits, settings)),
        )
        for one in asked
    ]
    kinds = dict.fromkeys(question.kind for question, _ in judged)
    figures = {
        kind: {
            "right": sum(right for question, right in judged if question.kind == kind),
            "of": sum(question.kind == kind for question, _ in judged),
            "wrong": [q.question for q, right in judged if q.kind == kind and not right],
        }
        for kind in kinds
    }
    write_result(NAME, {"kinds": figures}, started)


def is_right(question: NewcomerQuestion, quoted: Quoted) -> bool:
    """Whether an answer says all that it must, or refuses where nothing is to be said."""
    if not question.says:
        return quoted.refused
    answer = quoted.answer.replace("`", "").replace("\\", "")
    return not quoted.refused and all(one in answer for one in question.says)


async def asked_of_all() -> list[Asked]:
    """Every question with what is found for it in an index of its own corpus."""
    lines = question_file("newcomer.jsonl").read_text("utf-8").splitlines()
    decoder = msgspec.json.Decoder(NewcomerQuestion)
    questions = [decoder.decode(line) for line in lines if line]
    asked = []
    for corpus in dict.fromkeys(question.corpus for question in questions):
        with workspace() as folder:
            asked += await _asked_of(folder, corpus, [q for q in questions if q.corpus == corpus])
    return asked


async def _asked_of(
    folder: Path, corpus: str, questions: Sequence[NewcomerQuestion]
) -> list[Asked]:
    location = question_file("newcomer") / corpus
    (folder / "headwater.toml").write_text(
        f'[[source]]\nname = "{corpus}"\nkind = "folder"\nlocation = "{location}"\n'
        f'url = "https://docs.example.org/{corpus}/{{stem}}"\n',
        "utf-8",
    )
    settings = load_settings(None, os.environ, folder=folder)
    async with open_runtime(settings, say) as runtime:
        _, troubles = await index_all(runtime, SyncProgress(None))
        if troubles:
            raise troubles[0]
        return [Asked(question, await _found(runtime, question.question)) for question in questions]


async def _found(runtime: Runtime, question: str) -> Sequence[Hit]:
    found = await search_index(question, k=_K, within=Within(), searcher=runtime.searcher)
    return found.hits
