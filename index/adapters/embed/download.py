"""Fetching a model by name from the hub, once: a child process, the only one to use a network."""

import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError

from index.adapters.embed.child import run_as_child
from index.adapters.embed.models import download_folder, hub_name, read_model
from schemas.errors import BadConfiguration

_WANTED = ["*.json", "*.txt", "*.safetensors", "*.model"]
_UNWANTED = ["onnx/*", "openvino/*", "*/onnx/*", "*/openvino/*"]


def download(model: str, cache_dir: Path, say: Callable[[str], None]) -> None:
    """Put the files of `model` into its folder, all or none: weights as safetensors, no code.

    Raises: BadConfiguration, when the hub has no such model or it may not be used.
    """
    target = download_folder(model, cache_dir)
    say(f"downloading the embedding model {hub_name(model)}")
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(dir=target.parent, prefix=".download-"))
    try:
        snapshot_download(
            hub_name(model), local_dir=fresh, allow_patterns=_WANTED, ignore_patterns=_UNWANTED
        )
        shutil.rmtree(fresh / ".cache", ignore_errors=True)
        read_model(model, fresh, cache_dir=cache_dir)
        if not target.is_dir():  # another process may have been faster
            fresh.rename(target)
    except RepositoryNotFoundError as error:
        raise BadConfiguration(
            f"embedding model {model}: the hub has no {hub_name(model)}"
        ) from error
    except HfHubHTTPError as error:
        raise SystemExit(f"the hub answered: {str(error).splitlines()[0]}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


if __name__ == "__main__":
    run_as_child(lambda say: download(sys.argv[1], Path(sys.argv[2]), say))
