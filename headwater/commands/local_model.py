"""`headwater models local`: a small language model on this machine."""

import asyncio
import os
from importlib.util import find_spec

from headwater.console import print_text
from schemas.errors import WrongUse

_EXTRA = "xllamacpp"


async def run_local(*, port: int, threads: int) -> int:
    """Serve the model until told to end. Returns: the exit status."""
    if find_spec(_EXTRA) is None:
        raise WrongUse(
            "the local model is not installed: `make install` does, or the extra `local`"
        )
    from headwater.adapters.local_model import NAME, start_local_model

    # In this thread: it takes a second, and nothing else goes on.
    model = start_local_model(port=port, threads=threads or os.cpu_count() or 1)
    print_text(
        f'{NAME} answers on {model.base_url} (Ctrl-C stops). In headwater.toml:\n\n[[llm]]\nrole = "cheap"'
        f'\nbase_url = "{model.base_url}"\nmodel = "{NAME}"\ncontext_tokens = 900\noutput_tokens = 200\n'
    )
    await asyncio.Event().wait()
    return 0
