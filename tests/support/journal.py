"""What `fake_main --journal` notes of texts, read again."""

from pathlib import Path


def paid_twice(journal: Path, *, since: int = 0) -> set[str]:
    """Texts that were embedded although their vector was committed, in what was noted after `since` characters."""
    committed: set[str] = set()
    twice: set[str] = set()
    for line in journal.read_text()[since:].splitlines():
        what, text_hash = line.split()
        if what == "committed":
            committed.add(text_hash)
        elif text_hash in committed:
            twice.add(text_hash)
    return twice


def committed(journal: Path, *, since: int = 0) -> int:
    """How many vectors were committed in what was noted after `since` characters."""
    lines = journal.read_text()[since:].splitlines()
    return sum(line.startswith("committed ") for line in lines)


def embedded(journal: Path, *, since: int = 0) -> list[str]:
    """The texts that were embedded in what was noted after `since` characters, one entry for each time."""
    return _noted("embedded", journal, since)


def committed_texts(journal: Path, *, since: int = 0) -> set[str]:
    """The texts whose vectors were committed in what was noted after `since` characters."""
    return set(_noted("committed", journal, since))


def _noted(what: str, journal: Path, since: int) -> list[str]:
    lines = journal.read_text()[since:].splitlines()
    return [line.split()[1] for line in lines if line.startswith(f"{what} ")]
