"""What a sentence or a line of code claims that can be looked up: names, numbers and addresses."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from api.core.inline import Form, Part, label_of
from api.core.vocabulary import LANGUAGE_WORDS

_URL = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]{1,20}:/{1,2}[^\s`<>\"'|]+|www\.[^\s`<>\"'|]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|(?:javascript|vbscript|data|mailto|xmpp|tel|sms|blob):[^\s`<>\"'|]+",
    re.IGNORECASE,
)
_URL_TAIL = ".,;:!?)]}*_"
_VERSION = r"(?<![\w.])[vV]?(\d+(?:\.\d+)+(?:[.-]?(?:rc|a|b|dev|post|alpha|beta)\.?\d*)?)(?!\w)"
_WORD = r"[^\W\d]\w*"
_THING = re.compile(
    rf"{_VERSION}"
    r"|(?P<mixed>(?<![\w.])\d+(?:_\w+|[^\W\d_]\w*\d\w*))"
    r"|(?P<number>(?<![\w.])\d+(?:[.,]\d+)*)"
    r"|(?P<flag>(?<![\w-])--?[A-Za-z][\w-]*)"
    r"|(?P<path>(?<![\w/.~])(?:~|\.{1,2})?/[\w.@+-]+(?:/[\w.@+-]+)*|(?<![\w/])[\w@+-]+(?:/[\w.@+-]+){2,}"
    r"|(?<![\w/])[\w@+-]+/[\w@+-]+\.\w{1,8}\b)"
    rf"|(?P<dotted>(?<!\w){_WORD}(?:\.{_WORD})+)"
    rf"|(?P<word>(?<!\w){_WORD})"
)
_NAME = re.compile(r"\w_\w|__\w|[a-z][A-Z]|[A-Z]{2}[a-z]{2}|[^\W\d]\d")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_COMMENT = re.compile(r"(?:(?<!\S)#(?!!)|(?<!\S)//|(?<!\S)--\s).*")
_BINDS = re.compile(
    r"\s*(?:(?P<names>[A-Za-z_]\w*(?:\s*,\s*[A-Za-z_]\w*)*)\s*(?::\s*[\w.\[\], |]+)?=(?!=)"
    r"|(?:async\s+)?(?:def|class|function|func|fn)\s+(?P<made>\w+)\s*(?:\((?P<parameters>[^()]*)\))?"
    r"|(?:for|async for)\s+(?P<each>[\w, ]+?)\s+in\b|(?:const|let|var)\s+(?P<let>\w+))"
)
_AS = re.compile(r"\bas\s+([A-Za-z_]\w*)|\blambda\s+([\w, ]+):|\bfor\s+([\w, ]+?)\s+in\b")
_DATA_LANGUAGES = frozenset(
    ("toml", "ini", "yaml", "yml", "json", "bash", "sh", "shell", "console", "text", "xml", "html")
)
_SMALL = frozenset({"0", "1"})


@dataclass(frozen=True, slots=True)
class Claims:
    """What must stand in the docs: `names` to the letter, numbers by value, addresses in full."""

    names: frozenset[str] = frozenset()
    numbers: frozenset[str] = frozenset()
    urls: frozenset[str] = frozenset()

    def __bool__(self) -> bool:
        return bool(self.names or self.numbers or self.urls)

    def __or__(self, other: "Claims") -> "Claims":
        return Claims(
            self.names | other.names, self.numbers | other.numbers, self.urls | other.urls
        )


@dataclass(slots=True)
class Bound:
    """Names that a block of code gives to things of its own, as far as it was read."""

    language: str = ""
    names: set[str] = field(default_factory=set)
    depth: int = 0


def claims_in(parts: Iterable[Part]) -> Claims:
    """The claims of a sentence: a word in a code span is a name, whatever it looks like."""
    found = _Found()
    text = ""
    for part in parts:
        match part.form:
            case Form.TEXT:
                text += part.text
            case Form.CODE:
                text += " "
                found.add(part.text, every_word=True)
            case Form.LINK:
                text += " "
                found.urls |= {part.url} - {""}
                inner = claims_in(one for one in label_of(part) if one.text != part.url)
                found.take(inner)
            case Form.STRONG:
                pass
    found.add(text)
    return found.claims()


def claims_in_code(line: str, bound: Bound) -> Claims:
    """The claims of a line of code: every name that is not the language's and not its own.

    `bound` is what the lines before gave names to. A word in a string or a comment is none.
    """
    bare = _STRING.sub(" '' ", line)
    comment = _COMMENT.search(bare)
    code = bare[: comment.start()] if comment else bare
    own = bound.names | _bound_in(code, bound)
    found = _Found()
    for text in _STRING.findall(line):
        found.add(text[1:-1])
    if comment:
        found.add(comment[0])
    found.add(code, every_word=True)
    names = set()
    for name in found.names:
        head, _, rest = name.partition(".")
        if head in own or head in ("self", "cls", "this"):
            names |= {f".{rest}"} if rest and head not in ("self", "cls", "this") else set()
        elif name not in LANGUAGE_WORDS and len(name) > 1:
            names.add(name)
    return Claims(frozenset(names), frozenset(found.numbers - _SMALL), frozenset(found.urls))


def bind(line: str, bound: Bound) -> None:
    """Count the names that a line of code gives, and the brackets it leaves open."""
    code = _COMMENT.sub("", _STRING.sub(" '' ", line))
    bound.names |= _bound_in(code, bound)
    opened = sum(map(code.count, "([{")) - sum(map(code.count, ")]}"))
    bound.depth = max(0, bound.depth + opened)


def comment_in(line: str) -> str | None:
    """What a line says that is a comment and nothing else."""
    comment = _COMMENT.match(line.strip())
    return comment[0].lstrip("#/- ") if comment else None


def numbers_of(text: str) -> frozenset[str]:
    """The numbers of a text, each as `claims_in` would give it."""
    return _Found().add(text).claims().numbers


def _bound_in(code: str, bound: Bound) -> set[str]:
    if bound.language in _DATA_LANGUAGES:
        return set()
    groups = [group for found in _AS.finditer(code) for group in found.groups() if group]
    if (found := _BINDS.match(code)) and (bound.depth == 0 or not found["names"]):
        groups += [group for group in found.groups() if group]
    return {name for group in groups for name in re.findall(r"\b[A-Za-z_]\w*", group)}


@dataclass(slots=True)
class _Found:
    names: set[str] = field(default_factory=set)
    numbers: set[str] = field(default_factory=set)
    urls: set[str] = field(default_factory=set)

    def add(self, text: str, *, every_word: bool = False) -> "_Found":
        for url in _URL.finditer(text):
            self.urls.add(url[0].rstrip(_URL_TAIL))
        for thing in _THING.finditer(_URL.sub(" ", text)):
            self._add_thing(thing, every_word)
        return self

    def _add_thing(self, thing: re.Match[str], every_word: bool) -> None:
        if thing[1]:
            self.numbers.add(thing[1])
        elif number := thing["number"]:
            is_grouped = _GROUPED.fullmatch(number)
            self.numbers |= {number.replace(",", "")} if is_grouped else set(number.split(","))
        elif word := thing["word"]:
            self.names |= {word} if every_word or _NAME.search(word) else set()
        elif dotted := thing["dotted"]:
            self.names |= {dotted} if any(len(name) > 1 for name in dotted.split(".")) else set()
        else:
            self.names.add(thing[0].rstrip("/.") or thing[0])

    def take(self, claims: Claims) -> None:
        self.names |= claims.names
        self.numbers |= claims.numbers
        self.urls |= claims.urls

    def claims(self) -> Claims:
        return Claims(frozenset(self.names), frozenset(self.numbers), frozenset(self.urls))
