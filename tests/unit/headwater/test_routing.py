"""`headwater route`: from labels to a router and its figures, and what is refused."""

import asyncio
import json
from pathlib import Path

import pytest

from headwater.commands.route import run_eval, run_train
from headwater.settings import Settings, load_settings
from schemas.errors import BadConfiguration


def train(labels: Path, output: Path) -> int:
    command = run_train(Settings(), labels, output, evidence=False, caught=None, json=True)
    return asyncio.run(command)


def judge(labels: Path, model: Path) -> int:
    return asyncio.run(run_eval(Settings(), labels, model=model, against=model, json=True))


def write_labels(file: Path, *, hard_every: int, count: int = 40) -> None:
    rows: list[dict[str, object]] = [
        {"question": f"q{n} hard", "target": 0}
        if n % hard_every == 0
        else {"question": f"q{n} easy", "target": 1}
        for n in range(count)
    ]
    file.write_text("\n".join(map(json.dumps, rows)))


def test_a_router_is_trained_and_judged(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    labels, output = tmp_path / "labels.jsonl", tmp_path / "mine.json"
    write_labels(labels, hard_every=4)

    assert train(labels, output) == 0
    trained = json.loads(capsys.readouterr().out)
    assert judge(labels, output) == 0
    judged = json.loads(capsys.readouterr().out)

    assert trained["router"] == judged["router"]
    assert trained["out_of_fold"]["router"]["right"] == judged["all"]["router"]["right"] == 40
    assert judged["all"]["constant"]["right"] == 30
    assert (judged["seen"], judged["unseen"]["router"]["n"]) == (40, 0)
    assert judged["gain"]["auc"] == {"value": 0.0, "low": 0.0, "high": 0.0}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "holds no question"),
        ('{"question": "x", "target": 1}\n{"question": "x"}', "labels.jsonl line 2"),
        ('{"question": "x", "target": 1}', "needs 5 of each"),
    ],
)
def test_bad_labels_leave_no_router(tmp_path: Path, content: str, told: str) -> None:
    labels, output = tmp_path / "labels.jsonl", tmp_path / "router.json"
    labels.write_text(content)

    with pytest.raises(BadConfiguration, match=told):
        train(labels, output)

    assert not output.exists()


def test_without_a_router_there_is_nothing_to_judge(tmp_path: Path) -> None:
    write_labels(tmp_path / "labels.jsonl", hard_every=4)

    with pytest.raises(BadConfiguration, match=r"router\.json: No such file"):
        judge(tmp_path / "labels.jsonl", tmp_path / "router.json")


def test_the_router_of_the_configuration_stands_beside_it(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text('[router]\nmodel = "mine.json"\n')

    assert load_settings(None, {}, folder=tmp_path).router.model == str(tmp_path / "mine.json")
    assert load_settings(None, {}, folder=tmp_path / "elsewhere").router.model == ""
