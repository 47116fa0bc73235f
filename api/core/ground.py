"""What leaves of a model's answer: sentences that the docs it was shown bear out, as safe Markdown.

The laws, for a sentence, an item's or a table's row and a line of code alike:

- It leaves whole, once it is complete, where its names, numbers and addresses stand in the blocks
  it cites and these hold `min_share` of its terms. Else it is withheld and counted.
- A sentence of connecting words alone ("Here is an example:") claims nothing: it leaves without a
  citation if it ends in a colon, and only with what it leads into. A heading and the head of a
  table leave likewise; the terms and claims of these must stand in the context too.
- A question answers nothing, and what was said already says nothing new: neither leaves or counts.
  Small models repeat what they were asked, and themselves.
- In code every name must stand in the docs that is not the language's own or given by a line
  before it. A line without any leaves with a line of its block that has one. `…` stands where a
  line was withheld.
- With a role tag, an element that fetches or runs, or a link to no page, a sentence is withheld.
- A model's marker decides between blocks that bear a sentence out; none but these leaves.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from api.core.claims import Bound
from api.core.context import Block
from api.core.layout import Layout, cells_in, is_ruler
from api.core.pieces import Piece, PieceReader, Shape
from api.core.verdict import GroundLimits, Judge, Outcome, Verdict, markers_of

__all__ = ["GroundLimits", "Grounding", "Released"]

_LEFT_OUT = "…"
_MAX_HELD = 4
_MAX_LINES_HELD = 40


@dataclass(frozen=True, slots=True)
class Released:
    """Text to append to the answer, and the blocks whose markers are in it."""

    text: str
    cites: tuple[int, ...]


@dataclass(slots=True)
class _Code:
    """A block of code being read: what its lines cite, and lines that wait for one that cites."""

    opening: Piece
    bound: Bound
    cites: set[int] = field(default_factory=set)
    waiting: list[str] = field(default_factory=list)
    is_cut: bool = False


@dataclass(slots=True)
class _Table:
    """A table being read: `width` is 0 where its head was withheld."""

    part: int
    width: int


class Grounding:
    """A filter between a model and its reader. Pure; the same releases however the input is split."""

    def __init__(
        self,
        blocks: Sequence[Block],
        *,
        limits: GroundLimits | None = None,
        judge: Judge | None = None,
    ) -> None:
        """Prepare the blocks; a `judge` of theirs that is at hand saves that."""
        self._limits = limits or GroundLimits()
        self._judge = judge or Judge(blocks, self._limits)
        self._reader = PieceReader()
        self._layout = Layout()
        self._held: list[tuple[Piece, str]] = []
        self._code: _Code | None = None
        self._table = _Table(0, 0)
        self._said = set[str]()
        self.withheld = 0
        self.released = 0

    @property
    def is_over(self) -> bool:
        """Whether too much was withheld for the rest to be worth having. It stays so."""
        limits, judged = self._limits, self.withheld + self.released
        return self.withheld >= limits.max_withheld or (
            self.withheld >= limits.min_withheld
            and self.withheld > judged * limits.max_withheld_share
        )

    def feed(self, text: str) -> list[Released]:
        """Take what the model wrote next; nothing more comes of it once it `is_over`."""
        return [] if self.is_over else list(self._released(self._reader.feed(text)))

    def finish(self) -> list[Released]:
        """Take the model's end: judge what was incomplete, close what is open."""
        released = [] if self.is_over else list(self._released(self._reader.finish()))
        return [*released, *self._close()]

    def _released(self, pieces: Iterable[Piece]) -> Iterator[Released]:
        for piece in pieces:
            yield from self._read(piece)
            if self.is_over:
                return

    def _read(self, piece: Piece) -> Iterator[Released]:
        match piece.shape:
            case Shape.OPEN:
                self._code = _Code(piece, Bound(piece.text.lower()))
            case Shape.LINE:
                yield from self._read_line(piece.text)
            case Shape.CLOSE:
                yield from self._close()
            case Shape.CUT:
                self._withhold()
            case Shape.ROW:
                yield from self._read_row(piece)
            case Shape.HEADING:
                self._read_heading(piece)
            case Shape.PARAGRAPH | Shape.ITEM:
                yield from self._take(piece, self._judge.sentence(piece.text))

    def _take(self, piece: Piece, verdict: Verdict) -> Iterator[Released]:
        match verdict.outcome:
            case Outcome.HOLDS if piece.shape is Shape.ROW or verdict.markdown not in self._said:
                self._said.add(verdict.markdown)
                yield from self._flush()
                self.released += 1
                yield Released(self._layout.place(piece, verdict.markdown), verdict.cites)
            case Outcome.LEADS:
                self._drop_leads()
                self._hold(piece, verdict.markdown)
            case Outcome.FAILS:
                self._withhold()
                self._drop_leads()
            case Outcome.EMPTY | Outcome.HOLDS:
                pass

    def _read_heading(self, piece: Piece) -> None:
        """A heading takes the place of one that nothing followed, unless it is below that one."""
        verdict = self._judge.heading(piece.text)
        self._held = [
            (held, text)
            for held, text in self._held
            if held.shape is Shape.HEADING and len(held.mark) < len(piece.mark)
        ]
        if verdict.outcome is Outcome.LEADS:
            self._hold(piece, verdict.markdown)
        elif verdict.outcome is Outcome.FAILS:
            self._withhold()

    def _read_row(self, piece: Piece) -> Iterator[Released]:
        cells = cells_in(piece.text)
        if self._table.part != piece.part:
            verdict = self._judge.head(cells)
            leads = verdict.outcome is Outcome.LEADS
            self._table = _Table(piece.part, len(cells) if leads else 0)
            if leads:
                self._hold(piece, verdict.markdown)
            else:
                self._withhold()
        elif not is_ruler(cells):
            width = self._table.width
            verdict = self._judge.row(cells, width) if width else Verdict(Outcome.FAILS)
            if verdict.outcome is Outcome.FAILS:
                self._withhold()
            else:
                yield from self._take(piece, verdict)

    def _read_line(self, line: str) -> Iterator[Released]:
        code = self._code
        assert code is not None
        verdict = self._judge.line(line, code.bound, code.cites)
        match verdict.outcome:
            case Outcome.HOLDS:
                code.cites |= {*verdict.cites}
                yield from self._release_lines(code, line)
            case Outcome.LEADS if code.cites:
                yield from self._release_lines(code, line)
            case Outcome.LEADS | Outcome.EMPTY if len(code.waiting) < _MAX_LINES_HELD:
                code.waiting.append(line)
            case _:
                self._withhold()

    def _release_lines(self, code: _Code, line: str) -> Iterator[Released]:
        yield from self._flush()
        lines = [*code.waiting, *([_LEFT_OUT] if code.is_cut else []), line]
        self.released += sum(bool(one.strip()) for one in (*code.waiting, line))
        code.waiting.clear()
        code.is_cut = False
        yield Released(self._layout.code(code.opening, "\n".join(lines)), ())

    def _close(self) -> Iterator[Released]:
        """End a block of code with what it cites, or count its lines where none had a source."""
        code, self._code = self._code, None
        if code is None:
            return
        if code.cites:
            cites = tuple(sorted(code.cites))
            yield Released(self._layout.close(code.opening, markers_of(cites)), cites)
        else:
            self.withheld += sum(bool(line.strip()) for line in code.waiting)
            self._drop_leads()

    def _withhold(self) -> None:
        self.withheld += 1
        if self._code is not None:
            self._code.is_cut = True

    def _hold(self, piece: Piece, markdown: str) -> None:
        self._held = [*self._held, (piece, markdown)][-_MAX_HELD:]

    def _drop_leads(self) -> None:
        """What led into nothing goes; headings wait on, and so does a table's head."""
        kept = (Shape.HEADING, Shape.ROW)
        self._held = [(piece, text) for piece, text in self._held if piece.shape in kept]

    def _flush(self) -> Iterator[Released]:
        held, self._held = self._held, []
        for piece, markdown in held:
            yield Released(self._layout.place(piece, markdown), ())
