"""Reads pages in a child process, so that a page that hangs or eats memory takes nothing else with it."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

import msgspec

from index.adapters.page_child import PageChild, answer_pages
from index.core.chunks import ChunkLimits
from index.core.pages import ReadPage
from schemas.errors import UnreadablePage
from schemas.events import PageChanged

if TYPE_CHECKING:
    from index.core.reading import Reader


class _Refused(msgspec.Struct, tag="refused"):
    reason: str


class _Read(msgspec.Struct, tag="read"):
    page: ReadPage


_ENCODE = msgspec.msgpack.Encoder()
_DECODE_ANSWER: msgspec.msgpack.Decoder[_Read | _Refused] = msgspec.msgpack.Decoder(
    _Read | _Refused
)
_DECODE_EVENT = msgspec.msgpack.Decoder(PageChanged)


class ReadingChild:
    """`index.core.ports.ReadEvent` over one child process.

    One page at a time; others wait their turn. `tokenizer` is the model's tokenizer.json, `prompt` what
    the model puts before each text.
    """

    def __init__(
        self, tokenizer: Path, *, prompt: str, limits: ChunkLimits, timeout_s: float
    ) -> None:
        self.child = PageChild(
            "index.adapters.reading_child",
            str(tokenizer),
            prompt,
            str(limits.target_chars),
            str(limits.max_tokens),
            timeout_s=timeout_s,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.child.close()

    async def __call__(self, event: PageChanged) -> ReadPage:
        """See `ReadEvent`."""
        answer = _DECODE_ANSWER.decode(await self.child.ask(_ENCODE.encode(event)))
        if isinstance(answer, _Refused):
            raise UnreadablePage(answer.reason)
        return answer.page


def main() -> None:
    """Answer pages on standard input with what was read, until it closes."""
    answer_pages(_reader, lambda reason: _ENCODE.encode(_Refused(reason)))


def reader_of(tokenizer: Path, *, prompt: str, limits: ChunkLimits) -> "Reader":
    """A reader for a model that puts `prompt` before each text: what it takes of the window is left free."""
    # One text at a time is counted: handing it to threads costs more than it saves.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    from index.adapters.embed.tokens import TokenCounter
    from index.core.reading import Reader  # the parsers are loaded in the child alone

    counter = TokenCounter(tokenizer)
    taken = counter.count([prompt])[0] if prompt else 0
    return Reader(replace(limits, max_tokens=limits.max_tokens - taken), counter.count)


def _reader(arguments: list[str]) -> Callable[[bytes], bytes]:
    tokenizer, prompt, target_chars, max_tokens = arguments
    limits = ChunkLimits(int(target_chars), int(max_tokens))
    reader = reader_of(Path(tokenizer), prompt=prompt, limits=limits)
    return lambda frame: _ENCODE.encode(_Read(reader.read(_DECODE_EVENT.decode(frame))))


if __name__ == "__main__":
    main()
