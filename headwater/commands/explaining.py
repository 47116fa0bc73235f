"""The table of `headwater ask --explain`: why each section ranked where it did."""

from collections.abc import Iterator

from schemas.answers import HEADING_JOINT, Explanation, Hit, LeftOut, LeftOutReason

_HEAD = ("#", "score", "cosine", "", "words", "", "page", "weight", "section")
_REASONS = {
    LeftOutReason.CAPPED: "its source has all the places that it may have",
    LeftOutReason.HIDDEN: "the weight of its path hides it",
    LeftOutReason.NOT_ASKED: "a curated answer to another question",
    LeftOutReason.PAGE_FULL: "its page has all the places that it may have",
    LeftOutReason.REPEATS: "it says what a better one says",
}


def explained(explanation: Explanation) -> str:
    """The explanation for people to read: cosine and words (with their ranks) make the score, by weight."""
    lines = [f'Why these sections, for "{_line(explanation.question)}":', ""]
    if explanation.hits:
        lines += _table(explanation)
    else:
        lines.append("nothing is ranked")
    looked = f"looked for by {', '.join(explanation.terms) or 'no word'}"
    if explanation.synonyms:
        looked += f"; by synonyms {', '.join(explanation.synonyms)}"
    return "\n".join([*lines, "", looked, *map(_left_out, explanation.left_out)])


def _table(explanation: Explanation) -> Iterator[str]:
    rows = [_HEAD, *(_row(n, hit) for n, hit in enumerate(explanation.hits, 1))]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD) - 1)]
    indent = " " * (sum(widths) + 2 * len(widths))
    yield _aligned(_HEAD, widths)
    for hit, row in zip(explanation.hits, rows[1:], strict=True):
        yield _aligned(row, widths)
        yield f"{indent}{hit.url}{'#' + hit.anchor if hit.anchor else ''}"
        yield from (f"{indent}{note}" for note in _notes(hit))


def _aligned(row: tuple[str, ...], widths: list[int]) -> str:
    cells = [cell.rjust(width) for cell, width in zip(row, widths, strict=False)]
    return "  ".join([*cells, row[-1]]).rstrip()


def _row(n: int, hit: Hit) -> tuple[str, ...]:
    why = hit.why
    if why is None:
        return (str(n), f"{hit.score:.3f}", *("-" for _ in range(6)), _place(hit))
    return (
        str(n),
        f"{hit.score:.3f}",
        f"{why.cosine:.3f}",
        f"({hit.vector_rank or '-'})",
        f"{why.lexical:.3f}",
        f"({hit.lexical_rank or '-'})",
        f"{why.page_bonus:+.3f}" if why.page_bonus else "-",
        f"x{why.path_weight:g}",
        _place(hit),
    )


def _notes(hit: Hit) -> Iterator[str]:
    if hit.why is None:
        return
    if hit.pinned:
        alike = hit.why.likeness or 0.0
        yield f"the curated answer to this question ({alike:.2f} alike): {hit.why.pinned_bonus:+.3f}"
    if hit.why.exact_bonus:
        yield f"the question names what it defines: {hit.why.exact_bonus:+.3f}"
    if hit.why.synonyms:
        yield f"by synonyms: {', '.join(hit.why.synonyms)}"


def _place(hit: Hit) -> str:
    headings = hit.section.split(HEADING_JOINT) if hit.section else []
    return HEADING_JOINT.join(headings if headings[:1] == [hit.title] else [hit.title, *headings])


def _left_out(one: LeftOut) -> str:
    alike = "" if one.likeness is None else f" ({one.likeness:.2f} alike)"
    return f"left out: {one.section}, {one.url}: {_REASONS[one.reason]}{alike}"


def _line(text: str) -> str:
    return " / ".join(text.split("\n"))
