"""Questions that follow others."""

from collections.abc import Sequence

from api.core.tokens import estimate_tokens
from schemas.answers import MAX_QUESTION_CHARS, Turn

_MAX_REWRITTEN_CHARS = 500


def joined_question(question: str, past: Sequence[Turn]) -> str:
    """The question with the one before it, which names what it is about; alone where both are too long."""
    joined = f"{past[-1].question}\n{question}" if past else question
    return joined if len(joined) <= MAX_QUESTION_CHARS else question


def searched_text(question: str, asked: str) -> str:
    """`question`, as a conversation makes it of what is `asked` now, with that in one line, which is then the last.

    It is what a curated answer has to answer, in however many lines it was asked.
    """
    if not question.endswith(asked):
        return question
    return question.removesuffix(asked) + " ".join(asked.split("\n"))


def recent_turns(past: Sequence[Turn], *, budget_tokens: int) -> list[Turn]:
    """The last turns, oldest first, as many as an estimate lets fit."""
    kept: list[Turn] = []
    for turn in reversed(past):
        budget_tokens -= estimate_tokens(turn.question) + estimate_tokens(turn.answer)
        if budget_tokens < 0:
            break
        kept.insert(0, turn)
    return kept


def rewritten_question(reply: str) -> str | None:
    """What a model made of a question; None where that is no single line that could be asked."""
    lines = [line for line in reply.strip().splitlines() if line.strip()]
    if len(lines) != 1:
        return None
    line = lines[0].strip().strip("\"'*`").removeprefix("Question:").strip()
    is_question = 0 < len(line) <= _MAX_REWRITTEN_CHARS and any(map(str.isalnum, line))
    return line if is_question and line.isprintable() else None
