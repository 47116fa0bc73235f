"""Language models behind anything that speaks the OpenAI API."""

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, cast

import httpx2
import openai
import stamina
from openai import AsyncOpenAI, DefaultAsyncHttpxClient

from api.adapters.llm_tokens import TokenCounter
from api.core.breaker import Breaker
from api.core.ports import ModelLimits
from api.core.prompt import Message
from api.core.tokens import MESSAGE_TOKENS, estimate_tokens
from api.settings import LlmSettings
from schemas.answers import NOTHING_USED, Usage
from schemas.errors import ContextTooLong, ModelUnavailable

_CONNECT_S = 2.0
_USAGE_WITHIN_S = 1.0
_MOST_RETRY_AFTER_S = 3.0
_DEFAULT_WINDOW = 8_192
"""Where neither the configuration nor the server tells; one that takes less says so when it is sent more."""
_OF_THE_REQUEST = frozenset({400, 413, 422})
"""Statuses that are about this request, such as a filter's: the next one may be answered, so nobody is kept from it."""
_CHARS_A_TOKEN = 16
"""No language has longer tokens on average: what comes over that is more than was asked for."""
_TOO_LONG = re.compile(r"context.{0,20}(?:length|size|window)|maximum.{0,20}tokens", re.IGNORECASE)
_WINDOW = re.compile(
    r"(?:maximum context length is|available context size \(|context window of|max_model_len[^\d]{0,5})\s*(\d{3,8})"
)
_BROKEN = (openai.OpenAIError, httpx2.HTTPError, httpx2.StreamError, OSError, ValueError, TypeError)
"""What comes of a reply that is no reply, beside the client's own errors: it checks little of what it reads."""


class OpenAiModel:
    """`api.core.ports.Model` over one endpoint.

    Safe to use by many tasks of one event loop. It breaks off at the first failure that retries do not mend, and then
    says it is not up until a probe succeeds, which `keep` makes by the clock `now_s` and after each `sleep`.
    """

    def __init__(
        self,
        settings: LlmSettings,
        *,
        api_key: str,
        now_s: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._settings = settings
        self._now_s, self._sleep = now_s, sleep
        self._http = (
            DefaultAsyncHttpxClient(  # a redirect could send the docs and the key elsewhere
                follow_redirects=False,
                timeout=httpx2.Timeout(settings.total_s, connect=_CONNECT_S),
            )
        )
        self._client = AsyncOpenAI(
            api_key=api_key or "none",
            base_url=settings.base_url,
            http_client=self._http,
            max_retries=0,
        )
        # Those it takes from the environment are for one provider; this may be another one.
        self._client.organization = self._client.project = None
        self._tokens = TokenCounter(self._http, settings, api_key=api_key)
        self._breaker = Breaker()
        self._learned_window: int | None = None
        self._refused_options: set[str] = set()
        self.went_down = asyncio.Event()

    @property
    def role(self) -> str:
        """See `Model`."""
        return self._settings.role

    @property
    def name(self) -> str:
        """See `Model`."""
        return self._settings.model

    @property
    def limits(self) -> ModelLimits:
        """See `Model`."""
        settings = self._settings
        window = (
            self._learned_window
            or settings.window_tokens
            or self._tokens.window_tokens
            or _DEFAULT_WINDOW
        )
        return ModelLimits(window, settings.context_tokens, settings.output_tokens)

    @property
    def is_up(self) -> bool:
        """See `Model`."""
        return not self._breaker.is_open

    async def count(self, texts: Sequence[str]) -> Sequence[int]:
        """See `Model`."""
        return await self._tokens.count(texts)

    @asynccontextmanager
    async def reply(
        self, messages: Sequence[Message], *, max_tokens: int | None = None
    ) -> AsyncIterator["OpenAiReply"]:
        """See `Model`."""
        reply = OpenAiReply(self, messages, max_tokens or self._settings.output_tokens)
        try:
            yield reply
        finally:
            await reply.close()

    async def open(self, messages: Sequence[Message], max_tokens: int) -> Any:
        """Begin a reply, after retries where the server is busy or failed. Raises: what the client raises."""
        attempts = stamina.retry_context(
            on=_retry,
            attempts=self._settings.retries + 1,
            timeout=self._settings.first_token_s,
            wait_initial=0.2,
            wait_max=_MOST_RETRY_AFTER_S,
            wait_jitter=0.5,
        )
        async for attempt in attempts:
            with attempt:
                return await self._create(messages, max_tokens)
        raise AssertionError("an attempt returns or raises")

    async def _create(self, messages: Sequence[Message], max_tokens: int) -> Any:
        """Ask without the options that this server has refused before."""
        while True:
            options: dict[str, Any] = {
                "max_tokens": max_tokens,
                "temperature": 0,
                "stream_options": {"include_usage": True},
            }
            if "max_tokens" in self._refused_options:
                options["max_completion_tokens"] = max_tokens
            try:
                return await self._client.chat.completions.create(
                    model=self._settings.model,
                    messages=cast(Any, [{"role": m.role, "content": m.content} for m in messages]),
                    stream=True,
                    **{key: options[key] for key in options if key not in self._refused_options},
                )
            except openai.BadRequestError as error:
                refused = _refused_option(error, options.keys() - self._refused_options)
                if refused is None:
                    raise
                self._refused_options.add(refused)

    def succeeded(self) -> None:
        """A token came."""
        self._breaker.succeeded()

    def failed(self, reason: str) -> ModelUnavailable:
        """Remember a failure. Returns: what tells of it."""
        self._breaker.failed(self._now_s())
        self.went_down.set()
        return ModelUnavailable(self.role, reason)

    def learn_window(self, window_tokens: int | None) -> None:
        """It takes so much at once; None: less than it was believed to."""
        self._learned_window = window_tokens or max(512, self.limits.window_tokens // 2)

    def cost(self, input_tokens: int, output_tokens: int) -> float:
        """What so many tokens cost."""
        price = self._settings.price_per_million
        return (input_tokens * price.input + output_tokens * price.output) / 1_000_000

    @property
    def patience_s(self) -> tuple[float, float]:
        """For how long one waits for a token, and for the whole reply."""
        return self._settings.first_token_s, self._settings.total_s

    async def probe(self) -> bool:
        """Ask for one token, and learn what the server tells of itself. Returns: whether it came."""
        try:
            await self._tokens.learn()
            async with self.reply([Message("user", "Say yes.")], max_tokens=1) as reply:
                async for _ in reply:
                    pass
        except ModelUnavailable:
            self._breaker.probed(self._now_s())
            return False
        except ContextTooLong:  # which it would not say if it were away
            pass
        self._breaker.succeeded()
        return True

    async def keep(self) -> None:
        """Runs beside the answers: learns about the server, and tries what failed until it answers again."""
        await self._tokens.learn()
        while True:
            due_s = self._breaker.due_in_s(self._now_s())
            if due_s is None:
                self.went_down.clear()
                await self.went_down.wait()
                continue
            await self._sleep(due_s)
            await self.probe()

    async def close(self) -> None:
        """Close its connections."""
        await self._client.close()


class OpenAiReply:
    """`api.core.ports.Reply`, iterated once."""

    def __init__(self, model: OpenAiModel, messages: Sequence[Message], max_tokens: int) -> None:
        self._model = model
        self._messages = messages
        self._max_tokens = max_tokens
        self._token_s, self._left_s = model.patience_s
        self._stream: Any = None  # of the client; its types are parametrised by the request
        self._told: Usage | None = None
        self._chars: list[str] = []
        self._finish: str | None = None

    @property
    def spent(self) -> Usage:
        """See `Reply`."""
        if self._told is not None:
            return self._told
        if self._stream is None:
            return NOTHING_USED
        sent = sum(estimate_tokens(one.content) + MESSAGE_TOKENS for one in self._messages)
        return self._usage(sent, estimate_tokens("".join(self._chars)), estimated=True)

    @property
    def is_cut(self) -> bool:
        """See `Reply`."""
        return self._finish == "length"

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        """The next piece of text. Raises: ModelUnavailable, ContextTooLong."""
        start_s = time.monotonic()
        try:
            async with asyncio.timeout(self._patience_s()):
                text = await self._next_text()
        except TimeoutError:
            if self._finish is None:
                reason = "no token came in time" if self._chars else "no first token came in time"
                raise self._model.failed(reason) from None
            text = ""
        except openai.APIStatusError as error:
            raise self._refused(error) from error
        except _BROKEN as error:
            raise self._model.failed(_told(error)) from error
        finally:  # what the reader of the reply takes between two pieces is not the model's time
            self._left_s -= time.monotonic() - start_s
        if not text:
            raise StopAsyncIteration
        self._model.succeeded()
        return text

    async def close(self) -> None:
        """End the reply at the server, where it has not ended itself."""
        if self._stream is not None:
            await self._stream.close()

    def _patience_s(self) -> float:
        return min(self._token_s if self._finish is None else _USAGE_WITHIN_S, self._left_s)

    async def _next_text(self) -> str:
        """The next piece that is not empty, "" at the end. Raises: what the client raises."""
        if self._stream is None:
            self._stream = await self._model.open(self._messages, self._max_tokens)
        async for chunk in self._stream:
            if text := self._read(chunk):
                self._chars.append(text)
                return text if self._is_within() else ""
        if self._finish is None and self._told is None:
            raise ValueError("the reply ended before its end")
        return ""

    def _is_within(self) -> bool:
        if sum(map(len, self._chars)) <= self._max_tokens * _CHARS_A_TOKEN:
            return True
        self._finish = "length"
        return False

    def _read(self, chunk: Any) -> str:
        """The text of a chunk, whatever else is in it: servers differ, and calls of tools are not for us."""
        if usage := getattr(chunk, "usage", None):
            self._told = self._usage(
                int(usage.prompt_tokens), int(usage.completion_tokens), estimated=False
            )
        choices = getattr(chunk, "choices", None) or ()
        for choice in choices[:1]:
            self._finish = getattr(choice, "finish_reason", None) or self._finish
            content = getattr(getattr(choice, "delta", None), "content", None)
            return content if isinstance(content, str) else ""
        return ""

    def _usage(self, input_tokens: int, output_tokens: int, *, estimated: bool) -> Usage:
        return Usage(
            input_tokens=input_tokens,
            output_tokens=output_tokens,
            cost=self._model.cost(input_tokens, output_tokens),
            estimated=estimated,
        )

    def _refused(self, error: openai.APIStatusError) -> ContextTooLong | ModelUnavailable:
        told = f"{error.body} {error.message}"
        if error.status_code in (400, 413) and _TOO_LONG.search(told):
            window = _window_of(error, told)
            self._model.learn_window(window)
            return ContextTooLong(window)
        if error.status_code in _OF_THE_REQUEST:
            return ModelUnavailable(self._model.role, f"status {error.status_code}")
        return self._model.failed(f"status {error.status_code}")


def _window_of(error: openai.APIStatusError, told: str) -> int | None:
    body = error.body if isinstance(error.body, dict) else {}
    size = body.get("n_ctx")
    if isinstance(size, int) and size > 0:
        return size
    found = _WINDOW.search(told)
    return int(found[1]) if found else None


def _refused_option(error: openai.BadRequestError, sent: Iterable[str]) -> str | None:
    """The option that a server does not know, where it names one of those sent."""
    is_about_length = _TOO_LONG.search(error.message)
    named = [one for one in sorted(sent) if one == error.param or f"'{one}'" in error.message]
    return None if is_about_length or not named else named[0]


def _told(error: BaseException) -> str:
    """A failure in words of ours: those of the other side may hold anything."""
    if isinstance(error, openai.APIConnectionError):
        return f"it cannot be reached ({type(error.__cause__ or error).__name__})"
    return f"what it sends is no reply ({type(error).__name__})"


def _retry(error: Exception) -> bool | float:
    """Whether a try is made again, and after how long where the server says so."""
    if isinstance(error, openai.RateLimitError | openai.InternalServerError):
        after_s = _retry_after_s(error.response.headers.get("retry-after"))
        return after_s <= _MOST_RETRY_AFTER_S and (after_s or True)
    # A connection that was kept and has died meanwhile; what refuses one, or says nothing, is not asked again.
    return (
        isinstance(error, openai.APIConnectionError)
        and not isinstance(error, openai.APITimeoutError)
        and not isinstance(error.__cause__, httpx2.ConnectError)
    )


def _retry_after_s(value: str | None) -> float:
    """Seconds; 0 where nothing is said, or a date is."""
    try:
        return max(0.0, float(value or 0))
    except ValueError:
        return 0.0
