"""What of the docs a language model is shown: numbered blocks, each a piece of one section."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Block:
    """One block of the context, as sent: `n` counts from 1, `url` leads to the section it is from."""

    n: int
    url: str
    title: str
    section: str
    text: str
    source: str
    commit: str
