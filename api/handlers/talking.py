"""Conversations: what was said before, what a question asks because of it, and what is kept of an answer."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from api.core.conversation import joined_question, recent_turns, rewritten_question
from api.core.draft import Draft
from api.core.ports import Conversations, Model
from api.core.prompt import rewrite_messages
from api.core.route import STRONG
from api.handlers.composing import Composing
from schemas.answers import Turn
from schemas.errors import ContextTooLong, ModelUnavailable, StoreUnavailable

_log = structlog.get_logger()

_REWRITE_WITHIN_S = 5.0
_REWRITE_TOKENS = 80


@dataclass(frozen=True, slots=True)
class Talking:
    """Where conversations are kept; `new_id` makes an id that nobody can guess."""

    conversations: Conversations
    new_id: Callable[[], str]


@dataclass(frozen=True, slots=True)
class Talk:
    """The conversation that a question belongs to: `id` None where there is none."""

    id: str | None
    past: Sequence[Turn]


async def begin_talk(conversation_id: str | None, talking: Talking | None) -> Talk:
    """The conversation of that id; one that is not known gets an id of ours, never the one that was sent."""
    if conversation_id is None or talking is None:
        return Talk(None, ())
    try:
        past = await talking.conversations.past(conversation_id)
    except StoreUnavailable as error:
        _log.warning("conversation.unavailable", reason=error.reason)
        past = ()
    return Talk(conversation_id if past else talking.new_id(), past)


async def keep_turn(talk: Talk, turn: Turn, talking: Talking | None) -> None:
    """Keep what was asked and answered; where that fails, the answer stands all the same."""
    if talk.id is None or talking is None:
        return
    try:
        await talking.conversations.add(talk.id, turn)
    except StoreUnavailable as error:
        _log.warning("conversation.unavailable", reason=error.reason)


async def standing_question(
    question: str, past: Sequence[Turn], composing: Composing | None, draft: Draft
) -> str:
    """What to look for: the question rewritten by a strong model where there is one, else joined to the last.

    `composing` None asks no model, as where the request is for another one.
    """
    strong = composing.models.get(STRONG) if composing else None
    if not past or composing is None or strong is None or not strong.is_up:
        return joined_question(question, past)
    rewritten = await _rewrite(question, past, strong, composing, draft)
    return rewritten or joined_question(question, past)


async def _rewrite(
    question: str, past: Sequence[Turn], strong: Model, composing: Composing, draft: Draft
) -> str | None:
    kept = recent_turns(past, budget_tokens=strong.limits.prompt_tokens // 2)
    written = ""
    try:
        async with (
            asyncio.timeout(_REWRITE_WITHIN_S),
            strong.reply(rewrite_messages(question, kept), max_tokens=_REWRITE_TOKENS) as reply,
        ):
            try:
                async for text in reply:
                    written += text
            finally:
                draft.add(reply.spent)
                composing.meter.spent(role=strong.role, usage=reply.spent)
    except (ModelUnavailable, ContextTooLong, TimeoutError) as error:
        _log.warning("question.not_rewritten", reason=str(error) or "it took too long")
        return None
    return rewritten_question(written)
