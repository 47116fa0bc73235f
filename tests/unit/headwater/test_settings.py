"""The configuration: what a file and an environment come to, and what is refused by name."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from headwater.settings import Settings, check_names, load_settings
from ingest.settings import SourceKind, SourceSettings
from schemas.errors import BadConfiguration

SOURCE = '[[source]]\nname = "docs"\nlocation = "docs"\n'


def load(folder: Path, text: str = "", env: Mapping[str, str] | None = None) -> Settings:
    (folder / "headwater.toml").write_text(text, "utf-8")
    return load_settings(None, env or {}, folder=folder)


def test_nothing_configured_is_a_configuration(tmp_path: Path) -> None:
    settings = load_settings(None, {}, folder=tmp_path)

    assert settings.home == str(tmp_path / ".headwater")
    assert settings.source == ()


def test_a_file_says_what_to_index(tmp_path: Path) -> None:
    settings = load(tmp_path, SOURCE + 'kind = "folder"\ninclude = ["*.md"]\n')

    (source,) = settings.source
    assert (source.name, source.kind, source.include) == ("docs", SourceKind.FOLDER, ("*.md",))


def test_a_variable_goes_before_the_file(tmp_path: Path) -> None:
    env = {"HEADWATER_CHUNKING__TARGET_CHARS": "300", "HEADWATER_EMBEDDING__MODEL": "other"}

    settings = load(tmp_path, "[chunking]\ntarget_chars = 700\n", env)

    assert (settings.chunking.target_chars, settings.embedding.model) == (300, "other")


@pytest.mark.parametrize(
    ("text", "env", "endpoint"),
    [
        ("", {}, ""),
        ("", {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"}, "http://a:4318"),
        (
            '[telemetry]\notlp_endpoint = "http://b:4318"\n',
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318"},
            "http://b:4318",
        ),
        (
            "",
            {
                "OTEL_EXPORTER_OTLP_ENDPOINT": "http://a:4318",
                "HEADWATER_TELEMETRY__OTLP_ENDPOINT": "http://c:4318",
            },
            "http://c:4318",
        ),
    ],
)
def test_the_standard_variable_of_a_collector_serves_where_nothing_else_is_said(
    text: str, env: Mapping[str, str], endpoint: str, tmp_path: Path
) -> None:
    assert load(tmp_path, text, env).telemetry.otlp_endpoint == endpoint


def test_a_collector_that_is_no_address_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(BadConfiguration, match="otlp_endpoint"):
        load(tmp_path, '[telemetry]\notlp_endpoint = "collector:4318"\n')


def test_the_fixed_names_of_variables_work(tmp_path: Path) -> None:
    env = {"HEADWATER_DATABASE_URL": "postgresql://here/x", "HEADWATER_HOME": "elsewhere"}

    settings = load(tmp_path, "", env)

    assert settings.database.url == "postgresql://here/x"
    assert settings.home == str(tmp_path / "elsewhere")


def test_paths_start_at_the_folder_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "there" / "docs").mkdir(parents=True)
    file = tmp_path / "there" / "headwater.toml"
    file.write_text(SOURCE, "utf-8")

    settings = load_settings(file, {}, folder=tmp_path)

    assert settings.home == str(tmp_path / "there" / ".headwater")
    assert settings.source[0].location == str(tmp_path / "there" / "docs")


def test_a_path_may_start_at_the_users_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "me"))
    (tmp_path / "me" / "docs").mkdir(parents=True)

    settings = load(tmp_path, 'home = "~/state"\n' + SOURCE.replace('n = "docs"', 'n = "~/docs"'))

    assert settings.home == str(tmp_path / "me" / "state")
    assert settings.source[0].location == str(tmp_path / "me" / "docs")


@pytest.mark.parametrize("location", ["x" * 300, "~nobody-of-that-name/docs", "a\x00b"])
def test_a_location_that_can_be_no_path_is_left_to_its_reader(
    tmp_path: Path, location: str
) -> None:
    written = location.replace("\x00", "\\u0000")
    settings = load(tmp_path, SOURCE.replace('n = "docs"', f'n = "{written}"'))

    assert settings.source[0].location == location


def test_a_variable_that_the_file_names_as_a_secret_sets_nothing(tmp_path: Path) -> None:
    env = {"HEADWATER_DOCS_SECRET": "x"}

    settings = load(tmp_path, SOURCE + 'webhook_secret_env = "HEADWATER_DOCS_SECRET"\n', env)

    assert settings.source[0].webhook_secret_env == "HEADWATER_DOCS_SECRET"


def test_a_location_that_is_no_path_here_is_kept_as_it_is(tmp_path: Path) -> None:
    settings = load(
        tmp_path,
        SOURCE.replace('"docs"\n', '"https://host/x"\n').replace(
            'name = "https://host/x"', 'name = "docs"'
        ),
    )

    assert settings.source[0].location == "https://host/x"


def test_a_secret_is_not_shown(tmp_path: Path) -> None:
    env = {"HEADWATER_DATABASE_URL": "postgresql://user:hunter2@here/x"}

    assert "hunter2" not in repr(load(tmp_path, "", env))


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[chunking]\ntarget_charz = 5\n", "target_charz"),
        ("[nonsense]\n", "nonsense"),
        ("[chunking]\ntarget_chars = 'many'\n", "target_chars"),
        ("[chunking]\ntarget_chars = -1\n", "target_chars"),
        ("[chunking]\nread_timeout_s = 0\n", "read_timeout_s"),
        ("[retrieval]\ncandidates = 0\n", "candidates"),
        ("[api]\nport = 70000\n", "port"),
        ("[answer]\nk = 0\n", "k"),
        ("chunking = 7\n", "chunking"),
        (SOURCE + "poll_s = 0\n", "poll_s"),
        (SOURCE + 'kind = "svn"\n', "svn"),
        ('[[source]]\nlocation = "docs"\n', "name"),
        ("= nonsense", "headwater.toml"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, named: str) -> None:
    with pytest.raises(BadConfiguration, match=named) as refused:
        load(tmp_path, text)

    assert "\n" not in str(refused.value)


@pytest.mark.parametrize(
    "variable",
    ["HEADWATER_NONSENSE", "HEADWATER_CHUNKING__NONSENSE", "HEADWATER_CHUNKING__TARGET_CHARS__X"],
)
def test_a_variable_that_sets_nothing_is_refused(tmp_path: Path, variable: str) -> None:
    with pytest.raises(BadConfiguration):
        load(tmp_path, "[chunking]\ntarget_chars = 700\n", {variable: "7"})


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(BadConfiguration, match=r"headwater\.toml"):
        load_settings(None, {}, folder=tmp_path)


@pytest.mark.parametrize("name", ["", " docs", "a/b", "a\nb", "a\x00b", "x" * 101])
def test_a_name_that_cannot_be_part_of_a_page_id_is_refused(name: str) -> None:
    with pytest.raises(BadConfiguration):
        check_names([SourceSettings(name=name, location="docs")])


def test_one_name_for_two_sources_is_refused() -> None:
    source = SourceSettings(name="docs", location="docs")

    with pytest.raises(BadConfiguration, match="twice"):
        check_names([source, source])


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('language = "klingon"', "answer.language"),
        ('fallback_url = "forum.example.org"', "answer.fallback_url"),
        ('fallback_url = "https://a.example/> <b>"', "answer.fallback_url"),
        ('fallback_url = "https://a.example/\\n"', "answer.fallback_url"),
        ('fallback_url = "\\n"', "answer.fallback_url"),
        ('name = "A\\nB"', "answer.name"),
        ('name = "A\\n"', "answer.name"),
        ('refuse_topics = ["about us"]', "'about us'"),
        ('refuse_topics = [""]', "answer.refuse_topics"),
        ('refuse_topic = ["pricing"]', "refuse_topic"),
    ],
)
def test_what_cannot_be_said_in_answers_is_named_in_one_line(
    text: str, named: str, tmp_path: Path
) -> None:
    with pytest.raises(BadConfiguration) as told:
        load(tmp_path, f"[answer]\n{text}\n")

    assert named in str(told.value)
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ('paths = [{ match = "legacy/[", weight = 0.5 }]', "'legacy/['"),
        ('paths = [{ match = "", weight = 0.5 }]', "match"),
        ('paths = [{ match = "a/**", weight = -1 }]', "weight"),
        ('paths = [{ match = "a/**" }]', "weight"),
        ('paths = [{ match = "a/**", weight = 1, source = "dcos" }]', "'dcos' is no"),
        ("page = -5", "retrieval.page"),
        ("page = nan", "retrieval.page"),
        ("page = inf", "retrieval.page"),
        ('reranker = "llm:strong\\n"', "retrieval.reranker"),
        ("synonyms = [[]]", "two terms"),
        ('synonyms = [["k8s"]]', "two terms"),
        ('synonyms = [["k8s", "the"]]', "'the'"),
        ('synonyms = ["k8s", "kubernetes"]', "retrieval.synonyms"),
    ],
)
def test_a_steering_that_makes_no_sense_is_named_in_one_line(
    text: str, named: str, tmp_path: Path
) -> None:
    with pytest.raises(BadConfiguration) as told:
        load(tmp_path, f"[retrieval]\n{text}\n{SOURCE}")

    assert named in str(told.value)
    assert "\n" not in str(told.value)


def test_only_a_folder_can_be_pinned(tmp_path: Path) -> None:
    (source,) = load(tmp_path, f'{SOURCE}kind = "folder"\npinned = true\n').source

    with pytest.raises(BadConfiguration, match="source docs: only a folder can be pinned"):
        load(tmp_path, f"{SOURCE}pinned = true\n")

    assert source.pinned
