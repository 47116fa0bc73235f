"""Having language models compose an answer, one after the other until one does."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field, replace

import structlog

from api.core.context import Block, bare_block, fit_blocks, place_of
from api.core.conversation import recent_turns
from api.core.draft import Draft, Outcome, closing_of, goes_on, order_of
from api.core.ground import Released
from api.core.kept import KeptAnswers, compose_key
from api.core.ports import Ground, Grounding, Meter, Model, Reply
from api.core.prompt import Message, Opening, Persona, answer_messages
from api.core.route import Chosen, Routing
from api.core.tokens import MESSAGE_TOKENS, most_tokens
from schemas.answers import Turn, Usage
from schemas.errors import ContextTooLong, ModelUnavailable

_log = structlog.get_logger()

_CACHED = Usage(input_tokens=0, output_tokens=0, cost=0.0, cached=True)
_LEAST_CONTEXT_TOKENS = 64
_PAST_SHARE = 4
"""Turns of before may take this part of a prompt."""
_BLOCK_TOKENS = 16
"""What the line over a block takes beside its heading."""


@dataclass(frozen=True, slots=True)
class Composing:
    """The models by role and what they compose with.

    `boundary` makes a mark by chance. `configuration` stands for every setting that an answer depends on.
    """

    models: Mapping[str, Model]
    ground: Ground
    boundary: Callable[[], str]
    kept: KeptAnswers
    meter: Meter
    routing: Routing = field(default_factory=Routing)
    persona: Persona = field(default_factory=Persona)
    configuration: str = ""

    @property
    def roles(self) -> tuple[str, ...]:
        """The roles that may compose."""
        return tuple(self.models)


@dataclass(frozen=True, slots=True)
class Task:
    """What is to be answered, and from what."""

    question: str
    past: Sequence[Turn]
    blocks: Sequence[Block]
    chosen: Chosen


async def compose(task: Task, composing: Composing, draft: Draft) -> AsyncGenerator[Released, None]:
    """The pieces of an answer as they may leave; `draft` says at every time what came of it."""
    for role in order_of(task.chosen, composing.roles):
        model = composing.models[role]
        draft.outcomes[role] = Outcome.UNAVAILABLE
        draft.names[role] = model.name
        if model.is_up:
            async with aclosing(_compose_by(model, task, composing, draft)) as pieces:
                async for piece in pieces:
                    draft.pieces.append(piece)
                    yield piece
        if closing := closing_of(draft.text):
            draft.pieces.append(Released(closing, ()))
            yield draft.pieces[-1]
        outcome, has_left = draft.outcomes[role], bool(draft.pieces)
        settings = composing.routing.settings
        if not goes_on(
            task.chosen, outcome, roles=composing.roles, settings=settings, has_left=has_left
        ):
            return


async def _compose_by(
    model: Model, task: Task, composing: Composing, draft: Draft
) -> AsyncGenerator[Released, None]:
    """Ask one model, a second time where it turns out to take less at once than was known."""
    for may_be_too_long in (True, False):
        try:
            async with aclosing(_kept_or_new(model, task, composing, draft)) as pieces:
                async for piece in pieces:
                    yield piece
        except (ModelUnavailable, ContextTooLong) as error:
            if isinstance(error, ContextTooLong) and may_be_too_long:
                continue  # the model has learned how much it takes
            _log.warning("model.unavailable", role=model.role, reason=str(error))
            draft.outcomes[model.role] = Outcome.UNAVAILABLE
        return


async def _kept_or_new(
    model: Model, task: Task, composing: Composing, draft: Draft
) -> AsyncGenerator[Released, None]:
    """The answer that was composed of the very same before, else a new one."""
    fitted = await _fit(model, task, composing)
    key = _key(model, fitted, composing)
    if kept := composing.kept.get(key):
        draft.outcomes[model.role] = Outcome.HELD
        draft.add(_CACHED)
        for piece in kept:
            yield piece
        return
    before = len(draft.pieces)
    async with aclosing(_attempt(model, fitted, composing, draft)) as pieces:
        async for piece in pieces:
            yield piece
    if draft.outcomes[model.role] is Outcome.HELD:
        composing.kept.put(key, draft.pieces[before:])


async def _attempt(
    model: Model, task: Task, composing: Composing, draft: Draft
) -> AsyncGenerator[Released, None]:
    """One reply, grounded. Raises: ContextTooLong, ModelUnavailable."""
    grounding, opening = composing.ground(task.blocks), Opening()
    has_left = False
    async with model.reply(_messages(task, composing)) as reply:
        try:
            async with aclosing(_grounded(reply, opening, grounding)) as pieces:
                async for piece in pieces:
                    has_left = True
                    yield piece
        finally:
            draft.add(reply.spent)
            composing.meter.spent(role=model.role, usage=reply.spent)
    draft.outcomes[model.role] = _outcome(opening, grounding, has_left=has_left)


async def _grounded(
    reply: Reply, opening: Opening, grounding: Grounding
) -> AsyncGenerator[Released, None]:
    async for text in reply:
        for piece in grounding.feed(opening.feed(text)):
            yield piece
        if grounding.is_over or opening.is_declined:
            return
    if reply.is_cut:  # its last sentence is none
        return
    for piece in [*grounding.feed(opening.finish()), *grounding.finish()]:
        yield piece


def _outcome(opening: Opening, grounding: Grounding, *, has_left: bool) -> Outcome:
    if opening.is_declined and not has_left:
        return Outcome.DECLINED
    return Outcome.HELD if has_left and not grounding.is_over else Outcome.UNGROUNDED


async def _fit(model: Model, task: Task, composing: Composing) -> Task:
    """The task with no more blocks and turns than the model takes, counted only where it might be too much.

    The neighbours in the blocks are the first to go.
    """
    room = model.limits.prompt_tokens
    task = replace(task, past=recent_turns(task.past, budget_tokens=room // _PAST_SHARE))
    whole = _messages(task, composing)
    texts = [message.content for message in whole]
    if most_tokens(texts) + MESSAGE_TOKENS * len(whole) <= room:
        return task
    bare = _messages(replace(task, blocks=()), composing)
    blocks = task.blocks
    shown = [_shown(block) for block in blocks]
    smaller = [at for at, block in enumerate(blocks) if block.bare]
    alone = [_shown(bare_block(blocks[at])) for at in smaller]
    counted = await model.count([*(message.content for message in bare), *shown, *alone])
    fixed = sum(counted[: len(bare)]) + MESSAGE_TOKENS * len(bare)
    of_blocks = [size + _BLOCK_TOKENS for size in counted[len(bare) :]]
    sizes, of_alone = of_blocks[: len(blocks)], of_blocks[len(blocks) :]
    by_place = dict(zip(smaller, of_alone, strict=True))
    bare_sizes = [by_place.get(at, size) for at, size in enumerate(sizes)]
    budget = max(_LEAST_CONTEXT_TOKENS, room - fixed)
    fitted = fit_blocks(blocks, sizes, bare_sizes=bare_sizes, budget_tokens=budget)
    return replace(task, blocks=fitted)


def _shown(block: Block) -> str:
    return f"{place_of(block)}\n{block.text}"


def _messages(task: Task, composing: Composing) -> list[Message]:
    return answer_messages(
        task.question,
        task.blocks,
        boundary=composing.boundary(),
        persona=composing.persona,
        past=task.past,
    )


def _key(model: Model, task: Task, composing: Composing) -> bytes:
    return compose_key(
        task.question,
        task.past,
        task.blocks,
        role=model.role,
        configuration=f"{composing.configuration}\n{model.name}",
    )
