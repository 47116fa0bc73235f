"""`headwater models local`: a small language model on this machine."""

import asyncio
import fcntl
import os
import secrets
from functools import partial
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
    key = kept_key(file)
    # In this thread: it takes a second, and nothing else goes on.
    model = start_local_model(port=port, threads=threads or os.cpu_count() or 1, api_key=key)
    print_text(
        f'{NAME} answers on {model.base_url} (Ctrl-C stops). In headwater.toml:\n\n[[llm]]\nrole = "cheap"'
        f'\nbase_url = "{model.base_url}"\nmodel = "{NAME}"\napi_key_file = {dumps(str(file))}'
        "\ncontext_tokens = 900\noutput_tokens = 200\n"
    )
    await asyncio.Event().wait()
    return 0


def kept_key(file: Path) -> str:
    """The key of this home: made at the first start and the same ever after, so that nobody has to carry it anywhere.

    Raises: WrongUse.
    """
    try:
        with open(file, "a+", encoding="ascii", opener=partial(os.open, mode=0o600)) as opened:
            fcntl.flock(opened, fcntl.LOCK_EX)  # of two first starts, one makes it
            opened.seek(0)
            key = opened.read().strip()
            if not key:
                os.fchmod(opened.fileno(), 0o600)
                key = secrets.token_urlsafe(_KEY_BYTES)
                opened.write(key)
    except (OSError, ValueError) as error:
        raise WrongUse(f"the key of the local model cannot be kept in {file}: {error}") from error
    return key
