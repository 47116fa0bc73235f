"""A router that was trained on labelled questions: plain numbers in JSON, and how they become a probability."""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Annotated, Self

import msgspec
from msgspec import Meta

from api.core.signals import Evidence
from schemas.errors import BadConfiguration

FORMAT = 1
MAX_FILE_BYTES = 32 * 2**20
_WORD = re.compile(r"(?u)\b\w\w+\b")
"""A term as scikit-learn's CountVectorizer cuts it: two word characters or more, in lower case."""


class Feature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a number of the evidence counts for, in standard deviations from its mean in training."""

    mean: float
    scale: float
    coefficient: float


class TrainedRouter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A logistic regression over the counts of a question's terms and, where `features` has any, its evidence.

    `threshold` is the probability from which the cheap model is taken. `questions`, `cheap` and
    `seen` tell what it was trained on: how many lines, how many of them for the cheap model, and a
    digest of each distinct text. `hash` is that of everything else, and names this router in records.
    """

    format: int
    terms: dict[str, float]
    features: dict[str, Feature]
    intercept: float
    threshold: Annotated[float, Meta(ge=0, le=1)]
    questions: int
    cheap: int
    seen: tuple[str, ...]
    hash: str = ""

    def probability(self, question: str, evidence: Evidence | None) -> float:
        """How probable it is, in [0, 1], that the cheap model is enough; what is unknown counts as average."""
        counts = Counter(terms_of_question(question))
        logit = self.intercept
        logit += sum(self.terms.get(term, 0.0) * count for term, count in counts.items())
        known = {} if evidence is None else features_of(evidence)
        for name, feature in self.features.items():
            if (value := known.get(name)) is not None:
                logit += feature.coefficient * (value - feature.mean) / feature.scale
        return _sigmoid(logit)

    def sealed(self) -> Self:
        """The same router with its hash."""
        bare = msgspec.structs.replace(self, hash="")
        return msgspec.structs.replace(
            bare, hash=hashlib.sha256(msgspec.json.encode(bare)).hexdigest()
        )


def read_router(raw: bytes, *, name: str) -> TrainedRouter:
    """Decode a router file. Raises: BadConfiguration in one line that begins with `name`."""
    try:
        router = msgspec.json.decode(raw, type=TrainedRouter)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadConfiguration(f"{name} is no trained router: {error}") from None
    if router.format != FORMAT:
        raise BadConfiguration(
            f"{name} has the format {router.format}, this program reads {FORMAT}"
        )
    if router.hash != router.sealed().hash:
        raise BadConfiguration(f"{name} was changed since it was trained: train it again")
    if unknown := sorted(set(router.features) - set(FEATURES)):
        raise BadConfiguration(f"{name} needs evidence that is not known here: {unknown[0]}")
    scales = [feature.scale for feature in router.features.values()]
    if not all(map(math.isfinite, _numbers(router))) or any(scale <= 0 for scale in scales):
        raise BadConfiguration(f"{name} holds a number that no training gives: train it again")
    return router


def terms_of_question(question: str) -> list[str]:
    """The terms of a question in order, repeats included."""
    return _WORD.findall(question.lower())


def digest_of(question: str) -> str:
    """The mark that a text leaves in a router trained on it; white space and case leave none."""
    return hashlib.sha256(" ".join(question.lower().split()).encode()).hexdigest()[:16]


def features_of(evidence: Evidence) -> Mapping[str, float | None]:
    """The numbers of the evidence as a router weighs them, by name; ages on a logarithmic scale."""
    age = evidence.age_days
    return {
        "top_score": evidence.top_score,
        "top_cosine": evidence.top_cosine,
        "margin": evidence.margin,
        "agreement": evidence.agreement,
        "spread": evidence.spread,
        "log_age_days": None if age is None else math.log1p(age),
    }


FEATURES = ("top_score", "top_cosine", "margin", "agreement", "spread", "log_age_days")


def _numbers(router: TrainedRouter) -> list[float]:
    numbers = [router.intercept, *router.terms.values()]
    for feature in router.features.values():
        numbers += [feature.mean, feature.scale, feature.coefficient]
    return numbers


def _sigmoid(logit: float) -> float:
    """Without overflow at either end."""
    if logit >= 0:
        return 1 / (1 + math.exp(-logit))
    return (rest := math.exp(logit)) / (1 + rest)
