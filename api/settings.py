"""The settings of answering and of its HTTP surface."""

from typing import Annotated

import msgspec
from msgspec import Meta

from schemas.answers import MAX_K
from schemas.languages import Language

_ADDRESS = r"^(https?://[^\s<>\"'()\[\]{}|\\^`]{1,2000})?\Z"
"""Nothing in it ends a Markdown link early."""


class AnswerSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How answers are made.

    `k` chunks are retrieved where a request names no number. Evidence below `refuse_below` (a
    share, 0 to 1) makes a refusal. A quoted answer holds at most `max_sentences` (items and rows
    too) in `max_chars`, or a single one of up to 600; one code block may come on top. `instructions`
    are added to what a language model is told, and `cached` composed answers are kept in memory.

    `name` is what the assistant is called. `language` is the code of the language that composed answers and refusals
    are in, such as `de`; quotes stay as they are written, and `auto` means the question's for composed answers and
    English for refusals. `fallback_url` is where readers may ask what the docs do not say; refusals end with it. Each
    of `refuse_topics` is a short phrase, and a question plainly about one is refused before a model is asked.

    A language model is shown those chunks, in about `context_tokens` tokens at most. The best `neighbours` of them
    bring the chunks of their section that they were cut off from (the rest of a sentence, list, table or code), in
    places of the `k` and tokens that are free or that the last chunks would have by a weak score.
    """

    k: Annotated[int, Meta(ge=1, le=MAX_K)] = 7
    refuse_below: Annotated[float, Meta(ge=0, le=1)] = 0.35
    max_sentences: Annotated[int, Meta(ge=1, le=20)] = 4
    max_chars: Annotated[int, Meta(ge=100, le=5_000)] = 700
    neighbours: Annotated[int, Meta(ge=0, le=MAX_K)] = 1
    context_tokens: Annotated[int, Meta(ge=100, le=1_000_000)] = 16_000
    instructions: Annotated[str, Meta(max_length=4_000)] = ""
    name: Annotated[str, Meta(pattern=r"^[^\n\r]{0,80}\Z")] = ""
    language: Language = Language.AUTO
    fallback_url: Annotated[str, Meta(pattern=_ADDRESS)] = ""
    refuse_topics: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=100)], ...], Meta(max_length=100)
    ] = ()
    cached: Annotated[int, Meta(ge=0, le=100_000)] = 1_000


class PriceSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a million tokens cost, in any currency."""

    input: Annotated[float, Meta(ge=0)] = 0.0
    output: Annotated[float, Meta(ge=0)] = 0.0


class LlmSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A language model that composes answers, one `[[llm]]` for each role; without any, answers are quoted.

    `role` is any name: `cheap` answers what it can, `strong` what is left, `judge` none; a request may name any other.
    `model` is its name there. `base_url` is that of anything that speaks the OpenAI API. `api_key_env` names the
    environment variable that holds the key. `api_key_file` is the file that holds it instead. `price_per_million` is
    for the figures of cost: `{ input = 0.1, output = 0.3 }`. `window_tokens` is what the model takes at once, prompt
    and answer; 0 asks the server. `context_tokens` is the most that a prompt holds. `output_tokens` is the most that an
    answer has. `first_token_s` is waited for the first token, and for each one after it. `total_s` is how long an
    answer may take. `retries` are made after a 429 or a 5xx, before the first token.
    """

    role: Annotated[str, Meta(pattern=r"^[a-z][a-z0-9_-]{0,39}\Z")]
    base_url: Annotated[str, Meta(pattern=r"^https?://\S+\Z")]
    model: Annotated[str, Meta(min_length=1)]
    api_key_env: str = ""
    api_key_file: str = ""
    price_per_million: PriceSettings = PriceSettings()
    window_tokens: Annotated[int, Meta(ge=0, le=10_000_000)] = 0
    context_tokens: Annotated[int, Meta(ge=200, le=1_000_000)] = 4_000
    output_tokens: Annotated[int, Meta(ge=16, le=100_000)] = 500
    first_token_s: Annotated[float, Meta(gt=0, le=600)] = 20.0
    total_s: Annotated[float, Meta(gt=0, le=3_600)] = 60.0
    retries: Annotated[int, Meta(ge=0, le=10)] = 2


class ConversationSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept of conversations: their last `turns` questions and answers, for `hours` each."""

    turns: Annotated[int, Meta(ge=1, le=50)] = 6
    hours: Annotated[float, Meta(gt=0, le=8_760)] = 24.0


class RouterSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which model composes an answer, where a request does not ask for one.

    Evidence weaker than `escalate_below` (a share, 0 to 1) has the strong model compose, stronger evidence the cheap
    one. With `escalate_ungrounded` the strong model composes once more where too much of what the cheap one wrote does
    not hold. `model` is the file of a router trained on labels of your own models, which then chooses in place of
    `escalate_below`; empty means none.
    """

    escalate_below: Annotated[float, Meta(ge=0, le=1)] = 0.5
    escalate_ungrounded: bool = True
    model: str = ""


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the API listens, and the names it answers to beside the loopback ones."""

    host: str = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535)] = 8000
    hosts: tuple[str, ...] = ()
