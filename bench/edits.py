"""Edits of the kinds that an index should tell apart, made to pages of a work tree one at a time."""

import re
from collections.abc import Callable
from pathlib import Path

PAGES_A_KIND = 20
_RST_HEADING = re.compile(r"^(?P<text>\w.*)\n(?P<line>([-=~^\"'`*+#])\3{2,})$", re.MULTILINE)
_MD_HEADING = re.compile(r"^(?P<line>#{1,4}) (?P<text>\w.*)$", re.MULTILINE)

Edit = Callable[[Path], None]


def editable_pages(root: Path) -> list[Path]:
    """Pages with a title and a heading below it, which include no other file, in path order."""
    pages = sorted(path for path in root.rglob("*") if path.suffix in (".rst", ".md"))
    texts = {page: page.read_text("utf-8") for page in pages if "/_" not in page.as_posix()}
    return [
        page
        for page, text in texts.items()
        if "include" not in text and len(_headings(page, text)) > 1
    ]


def edit_whitespace(page: Path) -> None:
    """Another blank line below the first paragraph, and two at the end."""
    text = page.read_text("utf-8")
    page.write_text(text.replace("\n\n", "\n\n\n", 1) + "\n\n", "utf-8")


def edit_title(page: Path) -> None:
    """A word more in the first heading."""
    _lengthen(page, 0)


def edit_heading(page: Path) -> None:
    """A word more in the last heading."""
    _lengthen(page, -1)


def rename(page: Path) -> None:
    """Another name in the same folder."""
    page.rename(page.with_name(f"renamed-{page.name}"))


def move(page: Path) -> None:
    """The same name in another folder."""
    target = page.parent / "moved" / page.name
    target.parent.mkdir(exist_ok=True)
    page.rename(target)


def add_paragraph(page: Path) -> None:
    """A new paragraph at the end, in a section of its own text."""
    with page.open("a", encoding="utf-8") as file:
        file.write(f"\n\nA paragraph for the page {page.name} that will be undone.\n")


EDITS: dict[str, Edit] = {
    "rename": rename,
    "move": move,
    "whitespace": edit_whitespace,
    "heading": edit_heading,
    "title": edit_title,
}


def _headings(page: Path, text: str) -> list[re.Match[str]]:
    return list((_RST_HEADING if page.suffix == ".rst" else _MD_HEADING).finditer(text))


def _lengthen(page: Path, which: int) -> None:
    text = page.read_text("utf-8")
    heading = _headings(page, text)[which]
    longer = f"{heading['text']} anew"
    if page.suffix == ".rst":
        underline = heading["line"][0] * (len(longer) + 2)
        written = f"{longer}\n{underline}"
    else:
        written = f"{heading['line']} {longer}"
    page.write_text(text[: heading.start()] + written + text[heading.end() :], "utf-8")
