"""`headwater eval run`: score retrieval on questions with known sources."""

from pathlib import Path

from headwater.settings import Settings


async def run_evaluation(settings: Settings, questions: Path, *, k: int, json: bool) -> int:
    """x"""
    return 0
