"""A sentence of a model's Markdown: what it says, and how that is written with nothing to click in it."""

import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from api.core.markdown import code_span, is_address, open_no_block, plain_markdown
from index.core.formats.invisible import strip_invisible


class Form(StrEnum):
    """What a part of a sentence is: text that is read, code, a link, the mark of strong text."""

    TEXT = "text"
    CODE = "code"
    LINK = "link"
    STRONG = "strong"


@dataclass(frozen=True, slots=True)
class Part:
    """A part as read: escapes and entities are the characters they stand for. A link has a `url`."""

    form: Form
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Inline:
    """A sentence read: its parts, the markers it bore, and whether it holds what is never shown."""

    parts: tuple[Part, ...]
    marked: frozenset[int]
    is_foul: bool

    @property
    def shown(self) -> str:
        """What a reader sees, on one line."""
        return "".join(part.text for part in self.parts if part.form is not Form.STRONG)

    @property
    def read(self) -> str:
        """What is shown but for code and what will be: what a reader takes for words."""
        words = (
            {Form.CODE: " ", Form.STRONG: "", Form.LINK: f" {part.text} "}.get(part.form, part.text)
            for part in self.parts
        )
        return " ".join(word for word in "".join(words).split() if not is_address(word))


_MARKER = (
    r"[\[【［〔]\s*\^?\s*(?:(?:source|block|ref|reference|doc|document|citation|section)s?\s*)?"
    r"\#?(\d{1,6}(?:\s*[,;–—-]\s*\d{1,6})*)\s*(?:[†:][^\]】］〕]{0,80})?[\]】］〕]"
)
_TOKEN = re.compile(
    rf"""
      \\(?P<escaped>[!-/:-@\[-`{{-~])
    | (?P<ticks>(?<!`)`+(?!`))(?P<code>.+?)(?<!`)(?P=ticks)(?!`)
    | !?\[(?P<label>(?:[^\[\]`]|`[^`]*`)*)\]\([ ]?(?:<(?P<angled>[^<>]*)>
      |(?P<url>[^\s<>()]*(?:\([^\s<>()]*\)[^\s<>()]*)*))
      (?:[ ](?:"[^"]*"|'[^']*'))?[ ]?\)
    | [ ]?(?P<marker>{_MARKER})
    | <(?P<auto>[A-Za-z][A-Za-z0-9+.-]{{1,31}}:[^\s<>]*|[^\s<>@]+@[^\s<>@]+)>
    | (?P<tag><!--.*?(?:-->|\Z)|</?(?P<name>[A-Za-z][A-Za-z0-9]*)(?=[\s/>])(?P<rest>[^<>]*)>)
    | (?P<strong>\*\*)
    """,
    re.VERBOSE | re.IGNORECASE,
)
_SHOWN_TAGS = frozenset(
    """
    a abbr b blockquote br center code dd details div dl dt em font h1 h2 h3 h4 h5 h6 hr i kbd li mark ol
    p pre q s samp small span strike strong sub summary sup table tbody td th thead tr tt u ul var
    """.split()  # noqa: SIM905 - a table of words reads better as text
)
_FOUL_TAGS = frozenset(
    """
    applet audio base body button embed form frame frameset head html iframe img input link math meta
    object picture script select source style svg template textarea title track video
    """.split()  # noqa: SIM905 - a table of words reads better as text
)
_BRACKETS = str.maketrans("[]【】［］〔〕⟦⟧", "()()()()()")
_SHORT_EM = re.compile(r"(?<![\w*\\])([*_])(?=[^\s*_])([^*_]*[^\s*_])\1(?![\w*])")


def read_inline(text: str) -> Inline:
    """Read one line of Markdown. Square brackets in prose become round ones: they are for markers."""
    parts, marked, is_foul, place = list[Part](), set[int](), False, 0
    for token in _TOKEN.finditer(text):
        parts.append(_text(text[place : token.start()]))
        place = token.end()
        if token["marker"]:
            marked |= {int(digits) for digits in re.findall(r"\d+", token["marker"])}
        elif token["tag"]:
            is_foul |= _is_foul(token)
            parts += [Part(Form.TEXT, token["tag"])] if _is_placeholder(token) else []
        else:
            parts.append(_part(token))
    parts.append(_text(text[place:]))
    merged = tuple(_merged(parts))
    return Inline(merged, frozenset(marked), is_foul)


def label_of(link: Part) -> tuple[Part, ...]:
    """The parts of what a link says: no link is in a link."""
    return tuple(
        Part(Form.CODE, one.text) if one.form is Form.LINK else one
        for one in read_inline(link.text).parts
    )


def write_inline(parts: tuple[Part, ...], link: Callable[[str], str | None]) -> str:
    """Write parts as Markdown for one line that shows them, whatever stands before and after it.

    `link` gives the address a link may lead to, or None: then what it says stays, and its address
    beside it as code. Nothing else can be clicked: what looks like an address becomes code.
    """
    written: list[str] = []
    opened = [one for part in parts for one in _opened(part, link)]
    # What is written as nothing goes first: what stands beside it is one text, or must know of each other.
    for part in _merged(_paired([one for one in opened if _written(one, link)])):
        text = _written(part, link)
        joins_code = bool(written) and written[-1].endswith("`") and text.startswith("`")
        if text.startswith("[") and written and written[-1].endswith("!"):
            written[-1] = f"{written[-1][:-1]}\\!"  # or the link would be an image
        written.append(f" {text}" if joins_code else text)
    return open_no_block(" ".join("".join(written).split(" ")).strip())


def _opened(part: Part, link: Callable[[str], str | None]) -> Iterator[Part]:
    """A link that may not be followed as what it says, with its address beside it."""
    if part.form is not Form.LINK or link(part.url):
        yield part
        return
    yield from label_of(part)
    if part.url and part.url not in part.text:
        yield from (Part(Form.TEXT, " ("), Part(Form.CODE, part.url), Part(Form.TEXT, ")"))


def _paired(parts: list[Part]) -> list[Part]:
    """Without marks of strong text that Markdown shows as they are: around nothing, beside a space, or with no end."""
    kept: list[Part] = []
    for part in parts:
        if kept and part.form is kept[-1].form is Form.STRONG:
            kept.pop()
        else:
            kept.append(part)
    marks = [n for n, part in enumerate(kept) if part.form is Form.STRONG]
    bare = set(marks[len(marks) // 2 * 2 :])
    for first, last in zip(marks[::2], marks[1::2], strict=False):
        if kept[first + 1].text[:1].isspace() or kept[last - 1].text[-1:].isspace():
            bare |= {first, last}
    return [part for n, part in enumerate(kept) if n not in bare]


def _written(part: Part, link: Callable[[str], str | None]) -> str:
    match part.form:
        case Form.TEXT:
            return plain_markdown(part.text)
        case Form.CODE:
            return code_span(part.text)
        case Form.STRONG:
            return "**"
        case Form.LINK:
            shown = write_inline(label_of(part), link)
            return f"[{shown}]({link(part.url)})" if shown else ""


def _part(token: re.Match[str]) -> Part:
    if token["escaped"]:
        return Part(Form.TEXT, token["escaped"].translate(_BRACKETS))
    if token["code"]:
        is_marker = re.fullmatch(_MARKER, token["code"].strip(), re.IGNORECASE)
        return Part(Form.TEXT, "") if is_marker else Part(Form.CODE, token["code"].strip())
    if token["auto"]:
        return Part(Form.LINK, token["auto"], token["auto"])
    if token["strong"]:
        return Part(Form.STRONG, token["strong"])
    url = token["angled"] if token["url"] is None else token["url"]
    return Part(Form.LINK, token["label"], _decoded(url.strip()))


def _text(raw: str) -> Part:
    return Part(Form.TEXT, _SHORT_EM.sub(r"\2", _decoded(raw)).translate(_BRACKETS))


def _decoded(raw: str) -> str:
    if "&" not in raw:
        return raw
    return re.sub(r"\s", " ", strip_invisible(html.unescape(raw)))


def _merged(parts: list[Part]) -> Iterator[Part]:
    """Text that stands side by side is one part, so that no address hides in a joint."""
    run = ""
    for part in parts:
        if part.form is Form.TEXT:
            run += part.text
            continue
        if run:
            yield Part(Form.TEXT, run)
        run = ""
        yield part
    if run:
        yield Part(Form.TEXT, run)


def _is_placeholder(token: re.Match[str]) -> bool:
    name = (token["name"] or "").lower()
    return bool(name) and name not in _SHOWN_TAGS and name not in _FOUL_TAGS


def _is_foul(token: re.Match[str]) -> bool:
    """Elements that fetch, run or ask, and attributes, which only a page's own author writes."""
    name = (token["name"] or "").lower()
    return name in _FOUL_TAGS or (name in _SHOWN_TAGS and "=" in token["rest"])
