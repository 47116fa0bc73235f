"""Examines pages in a child process: questions are answered meanwhile, and a page that hangs is given up."""

from collections.abc import Callable, Mapping
from typing import Self

import msgspec

from index.adapters.page_child import PageChild, answer_pages
from ingest.core.page_file import Examined, PageFile
from schemas.errors import UnreadablePage


class _Asked(msgspec.Struct):
    page: PageFile
    files: Mapping[str, str | None]


class _Refused(msgspec.Struct, tag="refused"):
    reason: str


class _Answered(msgspec.Struct, tag="examined"):
    examined: Examined


_ENCODE = msgspec.msgpack.Encoder()
_DECODE_ASKED = msgspec.msgpack.Decoder(_Asked)
_DECODE_ANSWER: msgspec.msgpack.Decoder[_Answered | _Refused] = msgspec.msgpack.Decoder(
    _Answered | _Refused
)


class ExaminingChild:
    """`ingest.core.examine.Examine` over one child process: one page at a time, each at most `timeout_s`."""

    def __init__(self, *, timeout_s: float) -> None:
        self.child = PageChild("ingest.adapters.examining_child", timeout_s=timeout_s)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.child.close()

    async def __call__(self, page: PageFile, files: Mapping[str, str | None]) -> Examined:
        """See `Examine`."""
        answer = _DECODE_ANSWER.decode(await self.child.ask(_ENCODE.encode(_Asked(page, files))))
        if isinstance(answer, _Refused):
            raise UnreadablePage(answer.reason)
        return answer.examined


def main() -> None:
    """Answer pages on standard input with what they come to, until it closes."""
    answer_pages(_examining, lambda reason: _ENCODE.encode(_Refused(reason)))


def _examining(_arguments: list[str]) -> Callable[[bytes], bytes]:
    from ingest.core.examine import examine  # the parsers are loaded in the child alone

    def examined(frame: bytes) -> bytes:
        asked = _DECODE_ASKED.decode(frame)
        return _ENCODE.encode(_Answered(examine(asked.page, asked.files)))

    return examined


if __name__ == "__main__":
    main()
