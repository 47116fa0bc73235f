"""The one boundary of the program: what nobody foresaw is a line and a status too."""

from collections.abc import Iterator

import pytest
import structlog

from headwater import main
from headwater.failing import EXIT_BUG, EXIT_STALLED, fail
from schemas.errors import WorkerStalled


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """The program makes its log anew, for the whole process, where the test's stderr is."""
    before = structlog.get_config()
    yield
    structlog.configure(**before)


@pytest.mark.parametrize("is_debugged", [False, True])
def test_an_internal_error_is_one_line_and_on_request_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], is_debugged: bool
) -> None:
    def fail(**_: object) -> None:
        raise ExceptionGroup("several", [ValueError("one\nof them")])

    monkeypatch.setattr(main, "app", fail)
    monkeypatch.setenv("HEADWATER_DEBUG", "1" if is_debugged else "")

    with pytest.raises(SystemExit) as ended:
        main.main()

    said = capsys.readouterr().err
    assert "internal error: ValueError: one of them" in said.splitlines()[-1]
    assert ("Traceback" in said) is is_debugged
    assert ended.value.code == EXIT_BUG


def test_a_stalled_worker_has_a_status_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    status = fail(ExceptionGroup("several", [ExceptionGroup("", [WorkerStalled(7, 300)])]))

    assert status == EXIT_STALLED
    assert "7 records wait" in capsys.readouterr().err
