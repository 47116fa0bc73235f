"""How a failure ends the program: one line for a person, and an exit status."""

from headwater.console import say
from schemas.errors import HeadwaterError, PermanentError, WorkerStalled

EXIT_WRONG_USE, EXIT_UNREACHABLE, EXIT_STALLED, EXIT_BUG = 2, 3, 4, 70
_MAX_REASON_CHARS = 300


def fail(error: BaseException) -> int:
    """Say what went wrong in one line. Returns: the exit status."""
    if isinstance(error, BaseExceptionGroup):
        return fail(error.exceptions[0])
    if isinstance(error, HeadwaterError):
        say(f"headwater: {error}")
        if isinstance(error, WorkerStalled):
            return EXIT_STALLED
        return EXIT_WRONG_USE if isinstance(error, PermanentError) else EXIT_UNREACHABLE
    if callable(told := getattr(error, "format_message", None)):  # by the option parser
        return _misused(error, " ".join(str(told()).split()))
    reason = " ".join(str(error).split())[:_MAX_REASON_CHARS]
    say(
        f"headwater: internal error: {type(error).__name__}: {reason};"
        " HEADWATER_DEBUG=1 shows where"
    )
    return EXIT_BUG


def _misused(error: BaseException, told: str) -> int:
    if not told:  # nothing was asked for, and the help is on the screen
        return EXIT_WRONG_USE
    context = getattr(error, "ctx", None)
    help_of = f"{context.command_path if context else 'headwater'} --help"
    say(f"headwater: {told.replace('Value error, ', '').rstrip('.')}; see `{help_of}`")
    return EXIT_WRONG_USE
