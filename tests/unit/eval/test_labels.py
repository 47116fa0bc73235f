"""Label files: what is read, and what is refused with its line."""

from pathlib import Path

import pytest

from eval.adapters.label_file import read_labels
from eval.core.labels import Labelled, parse_labels, require_both
from schemas.errors import BadConfiguration

GOOD = b'{"question": "What is Ray?", "target": 1}'


def test_a_question_a_line_with_fields_of_others_ignored() -> None:
    raw = b"\xef\xbb\xbf" + GOOD + b'\r\n\n{"question": "\xc3\x9cber?", "target": 0, "score": 5.0}'

    rows = parse_labels(raw, name="labels")

    assert rows == [
        Labelled(question="What is Ray?", target=1),
        Labelled(question="Über?", target=0),
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"question": "x"}',
        b'{"question": "x", "target": 2}',
        b'{"question": "x", "target": "1"}',
        b'{"question": "x", "target": true}',
        b'{"question": "", "target": 1}',
        b'{"question": 7, "target": 1}',
        b'["x", 1]',
        b'{"question": "\xff", "target": 1}',
        b'{"question": "' + b"x" * 4_001 + b'", "target": 1}',
        b"[" * 100_000,
    ],
    ids=lambda line: line[:30].decode("latin-1"),
)
def test_a_line_that_is_no_label_is_named(line: bytes) -> None:
    with pytest.raises(BadConfiguration, match=r"labels\.jsonl line 3: ") as caught:
        parse_labels(GOOD + b"\n\n" + line + b"\n", name="labels.jsonl")

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("raw", [b"", b"\n \n"])
def test_a_file_without_a_question_is_refused(raw: bytes) -> None:
    with pytest.raises(BadConfiguration, match="holds no question"):
        parse_labels(raw, name="labels")


def test_absurd_sizes_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("eval.core.labels.MAX_LINES", 2)
    monkeypatch.setattr("eval.adapters.label_file.MAX_FILE_BYTES", 1_000)
    file = tmp_path / "labels.jsonl"

    file.write_bytes(b"\n".join([GOOD] * 3))
    with pytest.raises(BadConfiguration, match="holds more than 2 lines"):
        read_labels(file)
    file.write_bytes(b" " * 1_001)
    with pytest.raises(BadConfiguration, match="is larger than 1,000 bytes"):
        read_labels(file)
    with pytest.raises(BadConfiguration, match=r"missing\.jsonl: No such file"):
        read_labels(tmp_path / "missing.jsonl")
    with pytest.raises(BadConfiguration, match="Is a directory"):
        read_labels(tmp_path)


def test_one_target_alone_teaches_nothing() -> None:
    rows = [Labelled(question=f"q{n}", target=1) for n in range(9)]
    rows += [Labelled(question="the same", target=0)] * 9

    with pytest.raises(BadConfiguration, match="has 1 distinct questions with the target 0"):
        require_both(rows, least=5, name="labels")
    require_both(rows, least=1, name="labels")
