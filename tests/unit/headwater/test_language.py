"""The language models of a configuration, and their secrets."""

import asyncio
from pathlib import Path

import pytest

from api.core.ports import SilentMeter
from headwater.config_hash import config_hash
from headwater.language import llm_keys, open_language
from headwater.settings import Settings, load_settings
from schemas.errors import BadConfiguration

LLM = '[[llm]]\nrole = "{}"\nbase_url = "http://127.0.0.1:1/v1"\nmodel = "m"\n'


def configured(text: str, folder: Path) -> Settings:
    (folder / "headwater.toml").write_text(text, "utf-8")
    return load_settings(None, {}, folder=folder)


@pytest.mark.parametrize("env", [{}, {"CHEAP_KEY": " "}])
def test_a_missing_secret_stops_the_start_with_its_name(
    env: dict[str, str], tmp_path: Path
) -> None:
    settings = configured(LLM.format("cheap") + 'api_key_env = "CHEAP_KEY"\n', tmp_path)

    with pytest.raises(BadConfiguration, match="llm cheap: the variable CHEAP_KEY"):
        llm_keys(settings, env)


def test_a_secret_is_read_by_its_name_and_none_where_none_is_named(tmp_path: Path) -> None:
    text = LLM.format("cheap") + 'api_key_env = "CHEAP_KEY"\n' + LLM.format("strong")

    keys = llm_keys(configured(text, tmp_path), {"CHEAP_KEY": "k"})

    assert keys == {"cheap": "k"}


def test_a_secret_may_be_in_a_file_beside_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "cheap.key").write_text("k\n", "utf-8")
    settings = configured(LLM.format("cheap") + 'api_key_file = "cheap.key"\n', tmp_path)

    assert llm_keys(settings, {}) == {"cheap": "k"}


@pytest.mark.parametrize("held", [None, b"", b" \n", b"\xff"])
def test_a_file_that_holds_no_secret_stops_the_start_with_its_name(
    held: bytes | None, tmp_path: Path
) -> None:
    if held is not None:
        (tmp_path / "cheap.key").write_bytes(held)
    settings = configured(LLM.format("cheap") + 'api_key_file = "cheap.key"\n', tmp_path)

    with pytest.raises(BadConfiguration, match=r"llm cheap: no key in .*cheap\.key"):
        llm_keys(settings, {})


@pytest.mark.parametrize(
    ("text", "named"),
    [
        (LLM.format("cheap") + 'api_key_env = "K"\napi_key_file = "k"\n', "not in both"),
        (LLM.format("cheap") * 2, "used twice"),
        (LLM.format("extractive"), "extractive"),
        (LLM.format("Cheap Model"), "role"),
        (LLM.format("cheap").replace("http:", "ftp:"), "base_url"),
        (LLM.format("cheap") + "temprature = 1\n", "temprature"),
    ],
)
def test_a_wrong_model_is_named_in_one_line(text: str, named: str, tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match=named) as told:
        configured(text, tmp_path)

    assert "\n" not in str(told.value)


def test_what_is_composed_is_kept_under_a_hash_of_the_configuration(tmp_path: Path) -> None:
    async def configuration_of(settings: Settings) -> str:
        async with open_language(settings, {}, SilentMeter()) as language:
            assert language.composing is not None
            return language.composing.configuration

    one = configured(LLM.format("cheap"), tmp_path)
    other = configured(f'{LLM.format("cheap")}\n[answer]\nlanguage = "de"\n', tmp_path)

    assert asyncio.run(configuration_of(one)) == config_hash(one)
    assert asyncio.run(configuration_of(other)) != config_hash(one)


@pytest.mark.parametrize("reranker", ["", "llm:cheap", "cross-encoder:some/model"])
def test_a_reranker_is_named_with_its_kind(reranker: str, tmp_path: Path) -> None:
    text = f'[retrieval]\nreranker = "{reranker}"\n' + LLM.format("cheap")

    assert configured(text, tmp_path).retrieval.reranker == reranker


@pytest.mark.parametrize("reranker", ["llm:strong", "llm:", "some/model", "llm", "cross-encoder:"])
def test_a_reranker_that_there_is_not_stops_the_start(reranker: str, tmp_path: Path) -> None:
    text = f'[retrieval]\nreranker = "{reranker}"\n' + LLM.format("cheap")

    with pytest.raises(BadConfiguration, match="reranker"):
        configured(text, tmp_path)
