"""Questions that a section answers, made from its heading, its names, its sentences, its lists and its code."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from api.core.segments import Kind
from eval.core.corpus import Lexicon, Passage
from eval.core.phrases import NAME, in_one_line, sentence_questions, texts_of, verb_phrase


class Origin(StrEnum):
    """What of a section a question is made from."""

    HEADING = "heading"
    NAME = "name"
    SENTENCE = "sentence"
    ITEM = "item"
    CODE = "code"


@dataclass(frozen=True, slots=True)
class Draft:
    """A question that one section answers, before it is known whether it is about that section alone."""

    question: str
    passage: Passage
    origin: Origin


_CALL = re.compile(r"\b([a-z_]\w*(?:\.\w+)+|[a-z]\w*_\w+)\(")
_FLAG = re.compile(r"^[$%]?\s*([a-z][\w-]*(?: [a-z][\w-]*)?) .*?(--[a-z][\w-]+)", re.MULTILINE)
_ITEM = re.compile(
    r"^[ \t]*(?:[-*+•]|\d{1,3}[.)])[ \t]+(.{2,60}?)(?: \([^)]*\))?(?: [–—-]|:) +(\S.+)"
)
_QUESTION = re.compile(
    r"(?:how|what|which|when|why|where|who|can|could|do|does|is|are|should)\b", re.I
)
_DEICTIC = re.compile(
    r"\b(?:this|these|those|it|they|them|above|below|following|here|previous|previously|former|latter|we|our|us"
    r"|(?:figure|table|section|chapter) [\dA-Z]|e\.g|i\.e)\b|https?:|[|\\{}<>]",
    re.IGNORECASE,
)
_AND_VERB = re.compile(r"^and (\w+ing)\b")
_MOST_CONTEXT_WORDS = 8
_MOST_NAME_CHARS = 40
_ITEMS = 12
_CALLS = 3
_ARTICLES = ("The ", "A ", "An ")
_SAYS = re.compile(r"\b(?:is|are|was|will|must|can|may|should|has|have|tests?|specif(?:y|ies))\b")
_LENGTHS = range(20, 181)


class Templates:
    """Words questions in the manner of one corpus; the same seed words the same section alike."""

    def __init__(self, lexicon: Lexicon, *, seed: int) -> None:
        self._lexicon = lexicon
        self._seed = seed

    def drafts_of(self, passage: Passage) -> Iterator[Draft]:
        """Every question of a section that tells by itself what it is about."""
        made: Sequence[tuple[Origin, Iterator[str]]] = (
            (Origin.HEADING, self._of_heading(passage)),
            (Origin.NAME, self._of_name(passage)),
            (Origin.SENTENCE, sentence_questions(passage, self._lexicon, self._pick)),
            (Origin.ITEM, self._of_items(passage)),
            (Origin.CODE, self._of_code(passage)),
        )
        for origin, questions in made:
            for text in questions:
                question = " ".join(text.split())
                question = question[:1].upper() + question[1:]
                if _is_sound(question) and self._lexicon.is_telling(question):
                    yield Draft(question, passage, origin)

    def _of_heading(self, passage: Passage) -> Iterator[str]:
        heading = passage.heading.rstrip(".:!")
        if self._lexicon.is_generic(heading) or NAME.fullmatch(heading) or "," in heading:
            return
        if heading.endswith("?"):
            yield self._within(heading[:-1], passage) if _QUESTION.match(heading) else ""
        elif heading.lower().startswith("how to "):
            yield self._within(f"How do I {self._plain(heading[7:])}", passage)
        elif phrase := self._instruction(heading):
            wordings = (
                f"How do I {phrase}",
                f"What is needed to {phrase}",
                f"What is the way to {phrase}",
                f"Which steps do I need to {phrase}",
            )
            yield self._within(self._one_of(wordings, passage), passage)
        else:
            yield self._within(self._of_noun(heading, passage), passage)

    def _of_noun(self, heading: str, passage: Passage) -> str:
        noun = self._lexicon.in_sentence(heading)
        last = noun.split()[-1]
        is_plural = " and " in noun or (
            last.endswith("s") and not last.endswith(("ss", "us", "is"))
        )
        be, do = ("are", "do") if is_plural else ("is", "does")
        return self._one_of(
            (
                f"What {be} {noun}", f"How {do} {noun} work", f"When would I need {noun}", f"How {be} {noun} used",
                f"What {be} {noun} for", f"What should I know about {noun}", f"Which rules apply to {noun}",
                f"I have a problem with {noun}, what should I check",
            ),
            passage,
        )  # fmt: skip

    def _instruction(self, heading: str) -> str | None:
        """ "Creating a table" and "Create a table" as what stands after "How do I"."""
        first, _, rest = heading.partition(" ")
        verb = self._lexicon.infinitive_of(first)
        if verb is None or not rest or first.lower().endswith(("s", "ed")):
            return None
        return f"{verb} {self._plain(_AND_VERB.sub(self._second_verb, rest))}"

    def _second_verb(self, word: re.Match[str]) -> str:
        return f"and {self._lexicon.infinitive_of(word[1]) or word[1]}"

    def _of_name(self, passage: Passage) -> Iterator[str]:
        name = passage.heading.removesuffix("()")
        if not NAME.fullmatch(name) or not texts_of(passage, Kind.SENTENCE):
            return
        *owners, last = re.split(r"\.|::", name)
        owner = f" of {owners[-1]}" if owners else ""
        wordings = [
            f"What does `{name}` do", f"What is `{name}` for", f"How is `{last}`{owner} used",
            f"When would I use `{name}`", f"What do I have to mind with `{last}`{owner}",
        ]  # fmt: skip
        if owners and "_" in last:
            spoken = last.strip("_").replace("_", " ")
            wordings += [f"What is {spoken}{owner} for", f"How does {spoken}{owner} work"]
        if "Parameters" in passage.text:
            wordings += [f"Which arguments does `{last}`{owner} take"] * 2
        if "Returns" in passage.text:
            wordings += [f"What does `{last}`{owner} return"] * 2
        yield f"{self._one_of(wordings, passage)}?"

    def _of_items(self, passage: Passage) -> Iterator[str]:
        """From "- name: meaning": what the name means, or which name has the meaning."""
        about = self._about(passage)
        if about is None:
            return
        items = texts_of(passage, Kind.ITEM)[:_ITEMS]
        for found in filter(None, map(_ITEM.match, items)):
            name, meaning = found[1].strip("`* "), _first_clause(in_one_line(found[2]))
            if self._lexicon.is_generic(name):
                continue
            pick = self._pick(found[0])
            phrase = verb_phrase(meaning, self._lexicon)
            if pick % 2 and phrase:
                yield f"What in {about} lets me {phrase}?"
            elif pick % 2 and meaning.startswith(_ARTICLES) and not _SAYS.search(meaning):
                yield f"What in {about} stands for {meaning[0].lower()}{meaning[1:]}?"
            elif len(name) <= _MOST_NAME_CHARS:
                wordings = [f"What does `{name}` mean in {about}", f"What is `{name}` of {about}"]
                if " " not in name:
                    wordings += [
                        f"When do I set `{name}` of {about}",
                        f"What is `{name}` in {about} for",
                    ]
                yield f"{wordings[pick // 2 % len(wordings)]}?"

    def _of_code(self, passage: Passage) -> Iterator[str]:
        code = "\n".join(texts_of(passage, Kind.CODE))
        calls = dict.fromkeys(
            name for name in _CALL.findall(code) if name.lower() in self._lexicon.named
        )
        topic = self._about(passage)
        for name in list(calls)[:_CALLS]:
            wordings = [f"Is there an example of `{name}`", f"How do I call `{name}`"]
            if topic and name not in passage.heading:
                wordings += [f"How do I use `{name}` for {topic}"] * 2
            yield f"{self._one_of(wordings, passage)}?"
        for command, flag in dict.fromkeys(_FLAG.findall(code)):
            yield (
                f"When do I pass `{flag}` to `{command}`?",
                f"What does `{flag}` do in `{command}`?",
            )[self._pick(flag) % 2]

    def _about(self, passage: Passage) -> str | None:
        over = (passage.heading, *passage.context)
        names = [
            one for one in over if not self._lexicon.is_generic(one) and not _QUESTION.match(one)
        ]
        if not names or len(names[0].split()) > _MOST_CONTEXT_WORDS:
            return None
        if NAME.fullmatch(names[0]):
            return f"`{'.'.join(names[0].split('.')[-2:])}`"
        return self._plain(names[0])

    def _within(self, question: str, passage: Passage) -> str:
        """The question as it is where that says enough, else with what the section is part of."""
        if self._lexicon.is_alone(passage.heading) and self._lexicon.is_telling(question):
            return f"{question}?"
        over = next((one for one in passage.context if not self._lexicon.is_generic(one)), "")
        if not over or len(over.split()) > _MOST_CONTEXT_WORDS:
            return ""
        doing = self._instruction(over)
        return f"{question} {f'when I want to {doing}' if doing else f'in the context of {self._plain(over)}'}?"

    def _plain(self, heading: str) -> str:
        return re.sub(r"\b[Yy]our\b", "my", self._lexicon.in_sentence(heading)).rstrip(".?!: ")

    def _one_of(self, wordings: Sequence[str], passage: Passage) -> str:
        return wordings[self._pick(f"{passage.source}\n{wordings[0]}") % len(wordings)]

    def _pick(self, what: str) -> int:
        return int.from_bytes(sha256(f"{self._seed}\n{what}".encode()).digest()[:4])


def _is_sound(question: str) -> bool:
    return (
        len(question) in _LENGTHS
        and question.endswith("?")
        and not _DEICTIC.search(question)
        and all(question.count(sign) % 2 == 0 for sign in '`"')
        and question.count("(") == question.count(")")
    )


def _first_clause(text: str) -> str:
    return re.split(r"[.;:,](?:\s|$)", text, maxsplit=1)[0]
