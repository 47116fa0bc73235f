"""The whole configuration: one file and an environment, checked before anything connects."""

import tomllib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from api.core.route import EXTRACTIVE
from api.core.topics import topics_of
from api.settings import (
    AnswerSettings,
    ApiSettings,
    ConversationSettings,
    LlmSettings,
    RouterSettings,
)
from headwater.seeing.settings import TelemetrySettings
from index.core.steering import Steering, steering_of
from index.settings import (
    ChunkingSettings,
    DatabaseSettings,
    EmbeddingSettings,
    RaySettings,
    RetrievalSettings,
)
from ingest.adapters.folder import at_home
from ingest.settings import SourceKind, SourceSettings
from schemas.broker import KafkaSettings
from schemas.errors import BadConfiguration

FILE_NAME = "headwater.toml"
LANGUAGE_MODEL, CROSS_ENCODER = "llm", "cross-encoder"
"""What `[retrieval] reranker` begins with."""
_MAX_NAME_CHARS = 100
_PREFIX = "HEADWATER_"
_NO_SETTINGS = {"HEADWATER_DEBUG"}
_ALIASES = {
    "HEADWATER_DATABASE_URL": ("database", "url"),
    "HEADWATER_HOME": ("home",),
    "HEADWATER_KAFKA": ("kafka", "servers"),
    "HEADWATER_RAY_ADDRESS": ("ray", "address"),
}
_STANDARD = {"OTEL_EXPORTER_OTLP_ENDPOINT": ("telemetry", "otlp_endpoint")}
"""Variables of no program in particular, which serve where the configuration says nothing."""


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that can be configured. `home` is where state lives; relative paths start at the file's folder."""

    home: str = ".headwater"
    source: tuple[SourceSettings, ...] = ()
    embedding: EmbeddingSettings = EmbeddingSettings()
    chunking: ChunkingSettings = ChunkingSettings()
    database: DatabaseSettings = DatabaseSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    answer: AnswerSettings = AnswerSettings()
    llm: tuple[LlmSettings, ...] = ()
    conversation: ConversationSettings = ConversationSettings()
    router: RouterSettings = RouterSettings()
    api: ApiSettings = ApiSettings()
    kafka: KafkaSettings = KafkaSettings()
    ray: RaySettings = RaySettings()
    telemetry: TelemetrySettings = TelemetrySettings()


def load_settings(file: Path | None, env: Mapping[str, str], *, folder: Path) -> Settings:
    """Read the configuration: `file`, or `headwater.toml` in `folder` if there is one, then the environment's keys.

    Raises: BadConfiguration, one line naming the key, file or variable that is wrong.
    """
    path = file or folder / FILE_NAME
    if file is not None and not path.is_file():
        raise BadConfiguration(f"{path}: no such file")
    tree = _read(path) if path.is_file() else {}
    _overlay(tree, env)
    try:
        settings = msgspec.convert(tree, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise BadConfiguration(f"{path.name}: {error}") from None
    base = path.parent if path.is_file() else folder
    settings = _absolute(settings, base, env)
    check_names(settings.source)
    _check_roles(settings.llm)
    topics_of(settings.answer.refuse_topics)
    _check_steering(settings)
    _check_reranker(settings)
    return settings


def _absolute(settings: Settings, base: Path, env: Mapping[str, str]) -> Settings:
    """Paths made absolute: those of the configuration start at its folder."""
    home = (base / at_home(Path(settings.home))).resolve()
    user_cache = env.get("XDG_CACHE_HOME") or (f"{env['HOME']}/.cache" if env.get("HOME") else "")
    default = Path(user_cache) / "headwater" if user_cache else home / "runtime"
    cache = base / at_home(Path(settings.embedding.cache)) if settings.embedding.cache else default
    sources = tuple(
        msgspec.structs.replace(source, location=_located(source.location, base))
        for source in settings.source
    )
    llms = tuple(
        msgspec.structs.replace(llm, api_key_file=_below(base, llm.api_key_file))
        for llm in settings.llm
    )
    return msgspec.structs.replace(
        settings,
        home=str(home),
        llm=llms,
        router=msgspec.structs.replace(settings.router, model=_below(base, settings.router.model)),
        retrieval=msgspec.structs.replace(
            settings.retrieval, reranker=_reranker(settings.retrieval.reranker, base)
        ),
        source=sources,
        embedding=msgspec.structs.replace(settings.embedding, cache=str(cache.resolve())),
    )


def _below(base: Path, path: str) -> str:
    """A path that may be relative to `base`, made absolute; empty stays empty."""
    return str((base / at_home(Path(path))).resolve()) if path else ""


def _reranker(reranker: str, base: Path) -> str:
    """A cross-encoder in a folder by its absolute path."""
    kind, colon, name = reranker.partition(":")
    return f"{kind}{colon}{_located(name, base) if kind == CROSS_ENCODER else name}"


def _located(location: str, base: Path) -> str:
    """A location as it is, unless it is a path that exists below `base`."""
    try:
        path = base / at_home(Path(location))
        return str(path.resolve()) if path.exists() else location
    except (OSError, ValueError):  # no path at all, such as one of 300 letters
        return location


def _read(path: Path) -> dict[str, object]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise BadConfiguration(f"{path}: {error}") from None


def _overlay(tree: dict[str, object], env: Mapping[str, str]) -> None:
    for name, (section, key) in _STANDARD.items():
        if env.get(name) and isinstance(section_tree := tree.setdefault(section, {}), dict):
            section_tree.setdefault(key, env[name])
    others = _NO_SETTINGS | set(_secret_names(tree))
    for name in sorted(env):
        if not name.startswith(_PREFIX) or name in others:
            continue
        keys = _ALIASES.get(name) or tuple(name.removeprefix(_PREFIX).lower().split("__"))
        if name not in _ALIASES and len(keys) < 2:
            raise BadConfiguration(
                f"{name}: no such setting (nested keys are written HEADWATER_SECTION__KEY)"
            )
        branch = tree
        for key in keys[:-1]:
            below = branch.setdefault(key, {})
            if not isinstance(below, dict):
                raise BadConfiguration(f"{name}: [{key}] is not a section that a variable can set")
            branch = below
        branch[keys[-1]] = env[name]


def _secret_names(tree: object) -> Iterator[str]:
    """The variables that the configuration names as secrets: they may begin as settings do."""
    if isinstance(tree, list):
        for entry in tree:
            yield from _secret_names(entry)
    if isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, str) and str(key).endswith("_env"):
                yield value
            yield from _secret_names(value)


def check_names(sources: Sequence[SourceSettings]) -> None:
    """A source's name is part of page ids, of folders and of metrics. Raises: BadConfiguration."""
    names = [source.name for source in sources]
    for name in names:
        if not _is_name(name):
            raise BadConfiguration(
                f"source name {name!r}: must be up to {_MAX_NAME_CHARS} printable characters without a slash"
            )
        if names.count(name) > 1:
            raise BadConfiguration(f"source name {name!r} is used twice")


def _check_roles(llms: Sequence[LlmSettings]) -> None:
    """A role is asked for by its name, and has one key. Raises: BadConfiguration."""
    roles = [llm.role for llm in llms]
    for llm in llms:
        if llm.api_key_env and llm.api_key_file:
            raise BadConfiguration(
                f"llm {llm.role}: its key is in api_key_env or in api_key_file, not in both"
            )
    for role in roles:
        if role == EXTRACTIVE:
            raise BadConfiguration(f"llm role {role!r}: that is the route without a model")
        if roles.count(role) > 1:
            raise BadConfiguration(f"llm role {role!r} is used twice")


def configured_steering(settings: Settings) -> Steering:
    """What is configured of searches. Raises: BadConfiguration."""
    pinned = [source.name for source in settings.source if source.pinned]
    return steering_of(settings.retrieval, pinned)


def _check_steering(settings: Settings) -> None:
    """Raises: BadConfiguration, which names the key."""
    configured_steering(settings)
    for source in settings.source:
        if source.pinned and source.kind is not SourceKind.FOLDER:
            raise BadConfiguration(
                f"source {source.name}: only a folder can be pinned, and its kind is {source.kind.value}"
            )
    names = {source.name for source in settings.source}
    for path in settings.retrieval.paths:
        if path.source and path.source not in names:
            raise BadConfiguration(f"retrieval.paths: {path.source!r} is no configured source")


def _check_reranker(settings: Settings) -> None:
    kind, _, name = settings.retrieval.reranker.partition(":")
    if kind == LANGUAGE_MODEL and name not in {llm.role for llm in settings.llm}:
        raise BadConfiguration(f"retrieval.reranker: no [[llm]] has the role {name!r}")


def _is_name(name: str) -> bool:
    return (
        0 < len(name) <= _MAX_NAME_CHARS
        and name.isprintable()
        and "/" not in name
        and name.strip() == name
    )
