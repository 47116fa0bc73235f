"""What libraries log, and where it goes."""

import logging

import pytest

from headwater.seeing.logs import held_back


def test_what_a_library_logs_is_kept_off_while_a_command_has_a_line_of_its_own(
    caplog: pytest.LogCaptureFixture,
) -> None:
    logger = logging.getLogger("library.part")

    with held_back("library") as heard:
        for _ in range(2):
            logger.warning("no way to %s", "there")
    assert heard == ["no way to there"]
    assert caplog.messages == []

    with held_back("library", is_debugging=True):
        logger.warning("told")
    logger.warning("after")
    assert caplog.messages == ["told", "after"]
