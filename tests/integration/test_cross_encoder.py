"""A real cross-encoder of the real library: tiny, with weights by chance, so nothing is said of its quality."""

import asyncio
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from api.handlers import RerankedSearch
from headwater.reranking import CrossReranker, open_reranker
from headwater.settings import load_settings
from index.adapters.embed.cross_encoder import TextScorer, load_scorer
from schemas.errors import BadConfiguration, RerankerUnavailable
from tests.support.models import HIT, Index

WORDS = [
    "[PAD]",
    "[UNK]",
    "[CLS]",
    "[SEP]",
    *["do", "actors", "keep", "state", "queue", "job", "red", "green", "blue"],
]
TEXTS = ["actors keep state", "a red job", "the green queue keeps it", "blue", "job " * 500]


def made(folder: Path, *, labels: int = 1) -> Path:
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=64,
    )
    config.num_labels = labels
    vocabulary = Tokenizer(WordLevel({word: n for n, word in enumerate(WORDS)}, unk_token="[UNK]"))
    vocabulary.pre_tokenizer = Whitespace()
    tokenizer = PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=vocabulary,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        model_max_length=64,
    )
    BertForSequenceClassification(config).save_pretrained(folder)  # type: ignore[no-untyped-call]
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(tmp_path_factory.mktemp("cross"))


@pytest.fixture
def scorer(folder: Path) -> TextScorer:
    return load_scorer(str(folder), device="cpu", cache_dir=folder)


def test_each_text_gets_a_number_however_long_it_is(scorer: TextScorer) -> None:
    scores = asyncio.run(scorer.scores("do actors keep state", TEXTS))

    assert scores.shape == (len(TEXTS),)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    assert len(set(scores.tolist())) == len(TEXTS)


def test_what_is_found_comes_in_the_order_of_the_scores(scorer: TextScorer) -> None:
    hits = [replace(HIT, url=f"https://d/{n}", text=text) for n, text in enumerate(TEXTS)]
    search = RerankedSearch(Index(*hits).search, CrossReranker(scorer), 20, 60.0)

    async def both() -> tuple[list[str], list[str]]:
        found = await search("do actors keep state", k=5, sources=None)
        shown = [f"Actors › State\n{text[:800]}" for text in TEXTS]
        scores = await scorer.scores("do actors keep state", shown)
        order = sorted(range(len(TEXTS)), key=lambda n: -scores[n])
        assert found.degraded is None
        return [hit.url for hit in found.hits], [f"https://d/{n}" for n in order]

    got, expected = asyncio.run(both())

    assert got == expected
    assert got != sorted(got)


def test_calls_come_one_after_the_other_even_when_nobody_waits_any_more(
    scorer: TextScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = most = 0
    predict = scorer._predict

    def slow(question: str, texts: list[str]) -> object:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        time.sleep(0.05)
        at_once -= 1
        return predict(question, texts)

    monkeypatch.setattr(TextScorer, "_predict", lambda _self, *given: slow(*given))

    async def crowd() -> int:
        async def hurried() -> None:
            async with asyncio.timeout(0.02):
                await scorer.scores("q", TEXTS[:2])

        told = await asyncio.gather(*(hurried() for _ in range(4)), return_exceptions=True)
        await scorer.scores("q", TEXTS[:2])
        return sum(isinstance(one, TimeoutError) for one in told)

    assert asyncio.run(crowd()) == 4
    assert most == 1


def test_a_number_that_is_none_is_no_score(
    scorer: TextScorer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scorer._model, "predict", lambda pairs, **_: [float("nan")] * len(pairs))

    with pytest.raises(RerankerUnavailable):
        asyncio.run(scorer.scores("q", TEXTS))


def test_what_cannot_be_loaded_stops_the_start_with_one_line(tmp_path: Path) -> None:
    for name, wanted in (
        (tmp_path, "cannot be loaded"),
        (made(tmp_path / "b", labels=3), "3 numbers"),
    ):
        with pytest.raises(BadConfiguration, match=wanted) as told:
            load_scorer(str(name), device="cpu", cache_dir=tmp_path)
        assert "\n" not in str(told.value)


def test_a_folder_is_configured_beside_the_configuration(folder: Path) -> None:
    text = f'[retrieval]\nreranker = "cross-encoder:{folder.name}"\n'
    (folder.parent / "headwater.toml").write_text(text, "utf-8")
    settings = load_settings(None, {}, folder=folder.parent)

    class NoMeter:
        def spent(self, **_: object) -> None: ...

    rerank = asyncio.run(open_reranker(settings, (), NoMeter()))  # type: ignore[arg-type]

    assert settings.retrieval.reranker == f"cross-encoder:{folder}"
    assert isinstance(rerank, CrossReranker)
