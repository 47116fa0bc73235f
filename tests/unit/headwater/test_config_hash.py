"""The configuration's hash: equal for what answers alike, different for whatever may change an answer."""

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from api.core.trained import FORMAT, TrainedRouter
from headwater.config_hash import CHANGES_NO_ANSWER, config_hash
from headwater.settings import Settings, load_settings

FILE = """
[answer]
k = 5
name = "Ripple"
language = "de"
fallback_url = "https://forum.example"
instructions = "Say you."
refuse_topics = ["pricing", "legal advice"]

[retrieval]
lexical = 0.4
paths = [{ match = "legacy/**", weight = 0.5 }, { match = "blog/**", weight = 0.8 }]
synonyms = [["k8s", "Kubernetes"], ["OOM", "out of memory"]]

[[source]]
name = "docs"
location = "https://git.example/docs"
include = ["**/*.md", "**/*.rst"]
url = "https://docs.example/{stem}"

[[source]]
name = "faq"
kind = "folder"
location = "/srv/faq"
pinned = true

"""
CHEAP = """[[llm]]
role = "cheap"
base_url = "http://127.0.0.1:1/v1"
model = "small"
"""
STRONG = """[[llm]]
role = "strong"
base_url = "http://127.0.0.1:1/v1"
model = "large"
"""
FILE = f"{FILE}{CHEAP}\n{STRONG}"
REORDERED = """
[[llm]]
base_url = "http://127.0.0.1:1/v1"
model = "small"
role = "cheap"

[[llm]]
model = "large"
base_url = "http://127.0.0.1:1/v1"
role = "strong"

[[source]]
pinned = true
location = "/home/me/faq"
kind = "folder"
name = "faq"

[[source]]
url = "https://docs.example/{stem}"
include = ["**/*.rst", "**/*.md"]
location = "https://git.example/docs"
name = "docs"

[retrieval]
synonyms = [["k8s", "Kubernetes"], ["OOM", "out of memory"]]
paths = [{ weight = 0.5, match = "legacy/**" }, { match = "blog/**", weight = 0.8 }]
lexical = 0.4

[answer]
refuse_topics = ["pricing", "legal advice"]
instructions = "Say you."
fallback_url = "https://forum.example"
language = "de"
name = "Ripple"
k = 5
"""

ROUTER = TrainedRouter(
    format=FORMAT,
    terms={"retry": 1.5},
    features={},
    intercept=0.1,
    threshold=0.5,
    questions=2,
    cheap=1,
    seen=(),
)


def load(text: str, folder: Path) -> Settings:
    (folder / "headwater.toml").write_text(text, "utf-8")
    return load_settings(None, {}, folder=folder)


def test_the_order_of_a_file_and_where_folders_stand_do_not_matter(tmp_path: Path) -> None:
    assert config_hash(load(FILE, tmp_path)) == config_hash(load(REORDERED, tmp_path))


def test_it_is_the_same_hash_at_every_start(tmp_path: Path) -> None:
    assert config_hash(load("", tmp_path)) == config_hash(Settings())
    assert len(config_hash(Settings())) == 16


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k = 5", "k = 6"),
        ('name = "Ripple"', 'name = "Rill"'),
        ('language = "de"', 'language = "fr"'),
        ("https://forum.example", "https://chat.example"),
        ("Say you.", "Say thou."),
        ('"pricing", ', ""),
        ("lexical = 0.4", "lexical = 0.5"),
        ("weight = 0.5", "weight = 0"),
        ("legacy/**", "old/**"),
        ('"k8s", ', '"k8s", "kube", '),
        ("pinned = true", "pinned = false"),
        ("**/*.md", "**/*.mdx"),
        ("https://git.example/docs", "https://git.example/other"),
        ('model = "small"', 'model = "medium"'),
        ("paths = [{", 'paths = [{ match = "blog/**", weight = 1 }, {'),
        ("[[source]]", '[embedding]\nmodel = "other"\n\n[[source]]'),
        ("[[source]]", "[chunking]\ntarget_chars = 300\n\n[[source]]"),
        ("[[source]]", "[router]\nescalate_below = 0.4\n\n[[source]]"),
        ("[[source]]", "[conversation]\nturns = 3\n\n[[source]]"),
    ],
)
def test_whatever_may_change_an_answer_changes_it(before: str, after: str, tmp_path: Path) -> None:
    changed = FILE.replace(before, after, 1)
    assert changed != FILE

    assert config_hash(load(changed, tmp_path)) != config_hash(load(FILE, tmp_path))


@pytest.mark.parametrize(
    ("one", "joint", "other"),
    [
        ('{ match = "legacy/**", weight = 0.5 }', ", ", '{ match = "blog/**", weight = 0.8 }'),
        ('["k8s", "Kubernetes"]', ", ", '["OOM", "out of memory"]'),
        ('"k8s"', ", ", '"Kubernetes"'),
        ('"pricing"', ", ", '"legal advice"'),
        (CHEAP, "\n", STRONG),
    ],
)
def test_order_counts_where_the_first_goes_first(
    one: str, joint: str, other: str, tmp_path: Path
) -> None:
    """The first weight that matches, role that answers, topic that a refusal names, ways to ask that are tried."""
    turned = FILE.replace(f"{one}{joint}{other}", f"{other}{joint}{one}")
    assert turned != FILE

    assert config_hash(load(turned, tmp_path)) != config_hash(load(FILE, tmp_path))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("k = 5", "k = 5\ncached = 7"),
        ('name = "docs"', 'name = "docs"\npoll_s = 7'),
        ('name = "docs"', 'name = "docs"\nwebhook_secret_env = "SECRET"'),
        ('role = "cheap"', 'role = "cheap"\napi_key_env = "KEY"\ntotal_s = 7'),
        ('role = "cheap"', 'role = "cheap"\napi_key_file = "key"'),
        ("/srv/faq", "/srv/other"),
        ("[[source]]", "[api]\nport = 7\n\n[[source]]"),
        ("[[source]]", '[embedding]\ncache = "here"\n\n[[source]]'),
    ],
)
def test_what_changes_no_answer_does_not_change_it(before: str, after: str, tmp_path: Path) -> None:
    changed = FILE.replace(before, after, 1)
    assert changed != FILE

    assert config_hash(load(changed, tmp_path)) == config_hash(load(FILE, tmp_path))


def test_a_router_counts_by_what_is_in_its_file() -> None:
    routers = [msgspec.structs.replace(ROUTER, threshold=at).sealed() for at in (0.5, 0.6)]

    hashes = {config_hash(Settings(), router=router) for router in routers}

    assert len(hashes | {config_hash(Settings())}) == 3


def test_every_key_that_does_not_count_is_one_of_the_settings() -> None:
    assert CHANGES_NO_ANSWER[""] <= set(_keys(Settings))
    sections = {field.name: field.type for field in msgspec.structs.fields(Settings)}
    for section, keys in CHANGES_NO_ANSWER.items():
        if section:
            kind = sections[section]
            struct = getattr(kind, "__args__", (kind,))[0]
            assert keys <= set(_keys(struct)), section


def _keys(struct: type[msgspec.Struct]) -> Iterator[str]:
    return (field.name for field in msgspec.structs.fields(struct))


def test_a_cross_encoder_in_a_folder_is_the_same_wherever_it_stands() -> None:
    def hash_of(reranker: str) -> str:
        settings = Settings()
        retrieval = msgspec.structs.replace(settings.retrieval, reranker=reranker)
        return config_hash(msgspec.structs.replace(settings, retrieval=retrieval))

    here = hash_of("cross-encoder:/srv/models/mini")

    assert here == hash_of("cross-encoder:/home/a/mini")
    assert here != hash_of("cross-encoder:/home/a/large")
    assert here != hash_of("")
    assert hash_of("cross-encoder:a/mini") != hash_of("cross-encoder:b/mini")
