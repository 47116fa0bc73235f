"""Telling one failure from a group of them."""


def first_failure(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The first failure in a group, however deep."""
    first = failures.exceptions[0]
    return first_failure(first) if isinstance(first, BaseExceptionGroup) else first
