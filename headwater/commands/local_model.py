"""`headwater models local`: a small language model on this machine."""

import asyncio
import os
import secrets
from importlib.util import find_spec
from json import dumps
from pathlib import Path

from headwater.console import print_text
from headwater.home import lock_path
from headwater.settings import Settings
from schemas.errors import WrongUse

_EXTRA = "xllamacpp"
_KEY_NAME = "local-model.key"
_KEY_BYTES = 32


async def run_local(settings: Settings, *, port: int, threads: int) -> int:
    """Serve the model until told to end. Returns: the exit status."""
    if find_spec(_EXTRA) is None:
        raise WrongUse(
            "the local model is not installed: `make install` does, or the extra `local`"
        )
    from headwater.adapters.local_model import NAME, start_local_model

    file = lock_path(settings).with_name(_KEY_NAME)
    key = _kept_key(file)
    # In this thread: it takes a second, and nothing else goes on.
    model = start_local_model(port=port, threads=threads or os.cpu_count() or 1, api_key=key)
    print_text(
        f'{NAME} answers on {model.base_url} (Ctrl-C stops). In headwater.toml:\n\n[[llm]]\nrole = "cheap"'
        f'\nbase_url = "{model.base_url}"\nmodel = "{NAME}"\napi_key_file = {dumps(str(file))}'
        "\ncontext_tokens = 900\noutput_tokens = 200\n"
    )
    await asyncio.Event().wait()
    return 0


def _kept_key(file: Path) -> str:
    """The key of this home: made at the first start and the same ever after, so that nobody has to carry it anywhere.

    Raises: WrongUse.
    """
    try:
        try:
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            pass
        else:
            with open(made, "w", encoding="ascii") as opened:
                opened.write(secrets.token_urlsafe(_KEY_BYTES))
        key = file.read_text("ascii").strip()
    except (OSError, ValueError) as error:
        raise WrongUse(f"the key of the local model cannot be kept in {file}: {error}") from error
    if not key:
        raise WrongUse(f"the key of the local model is empty: remove {file}")
    return key
