"""The part of the demo in which a small language model on this machine composes an answer."""

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

import httpx

from api.core.markdown import plain_text
from headwater.console import print_part, print_text, say

EXTRACTIVE = {"route": "extractive"}
"""Asks for quotes: they come at once, whatever the model takes."""
_TOLD = re.compile(r'(base_url|api_key_file) = ".+"$')
_MODEL = "SmolLM2-135M-Instruct"
_WITHIN_S = 300.0


@contextlib.contextmanager
def small_model(env: Mapping[str, str], folder: Path) -> Iterator[str]:
    """What the configuration in `folder` says of the model while it is served; nothing where it is not installed."""
    if find_spec("xllamacpp") is None:
        say("no language model is installed here, so answers are quoted")
        yield ""
        return
    command = [sys.executable, "-m", "headwater.main", "models", "local", "--port", "0"]
    with subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=dict(env),
        cwd=folder,
    ) as served:
        try:
            told = (line.strip() for line in served.stdout or () if _TOLD.match(line.strip()))
            where = list(islice(told, 2))
            yield _configuration(where) if where else ""
        finally:
            served.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                served.wait(timeout=10)
            served.kill()


def _configuration(where: Sequence[str]) -> str:
    """Little context and a short answer: the model is small, and so may the machine be."""
    told = "\n".join(where)
    return (
        f'\n[[llm]]\nrole = "cheap"\n{told}\nmodel = "{_MODEL}"\ncontext_tokens = 500'
        f"\noutput_tokens = 80\nfirst_token_s = 150\ntotal_s = 240\n"
    )


def show_composed(base: str, question: str) -> None:
    """Print an answer as the model composes it, with its sources and what became of it."""
    print_text(f"\nComposed by {_MODEL} on this machine, as it comes:\n\nQ: {question}")
    print_part("A: ")
    body = {"question": question, "stream": True}
    with httpx.stream("POST", f"{base}/query", json=body, timeout=_WITHIN_S) as response:
        response.raise_for_status()
        data = (
            line.removeprefix("data: ") for line in response.iter_lines() if line[:5] == "data:"
        )
        for event in map(json.loads, data):
            if "text" in event:
                print_part(plain_text(event["text"]))
            elif "answer" in event:
                _show_end(event)


def _show_end(answer: Mapping[str, object]) -> None:
    sources = answer["sources"]
    lines = [f"   {url}" for url in sources] if isinstance(sources, list) else []
    if degraded := answer.get("degraded"):
        lines.append(f"   ({degraded}: what did not hold or did not come is quoted instead)")
    print_text("\n".join(["", *lines]))
