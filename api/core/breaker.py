"""When something that failed is tried again."""


class Breaker:
    """Open from a failure on until a probe succeeds: meanwhile nobody waits for what is known to be away.

    Probes are due `first_s` after the failure, and after each that fails twice as long as before, up to `most_s`.
    """

    def __init__(self, *, first_s: float = 1.0, most_s: float = 30.0) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._pause_s = 0.0
        self._due_s: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether the last that is known is a failure."""
        return self._due_s is not None

    def failed(self, now_s: float) -> None:
        """Failures that come while one is dealt with do not add to its pause."""
        if self._due_s is None:
            self._pause_s = self._first_s
            self._due_s = now_s + self._pause_s

    def probed(self, now_s: float) -> None:
        """A probe failed."""
        self._pause_s = min(self._most_s, 2 * self._pause_s or self._first_s)
        self._due_s = now_s + self._pause_s

    def succeeded(self) -> None:
        """It answers."""
        self._due_s, self._pause_s = None, 0.0

    def due_in_s(self, now_s: float) -> float | None:
        """How long until a probe is due; None while there is nothing to probe."""
        return None if self._due_s is None else max(0.0, self._due_s - now_s)
