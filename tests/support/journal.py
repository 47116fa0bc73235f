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
