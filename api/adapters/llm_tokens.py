"""Counting tokens as a server does, where it lets one."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from hashlib import sha256
from typing import Any

import httpx2

from api.core.tokens import estimate_tokens
from api.settings import LlmSettings

_WITHIN_S = 2.0
_MOST_KEPT = 4_096
_AT_ONCE = 8


class TokenCounter:
    """Counts with the server's own tokenizer where it is a llama.cpp, else by an estimate.

    `learn` asks the server what it is; until then, and where it does not answer, counts are estimates.
    """

    def __init__(self, http: httpx2.AsyncClient, settings: LlmSettings, *, api_key: str) -> None:
        self._http = http
        self._base = settings.base_url.rstrip("/")
        self._model = settings.model
        self._headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
        self._counts: OrderedDict[bytes, int] = OrderedDict()
        self._has_tokenizer = False
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self.window_tokens: int | None = None

    async def learn(self) -> None:
        """Ask how much the model takes at once, and whether its tokens can be counted; never fails."""
        listed = await self._ask("GET", f"{self._base}/models")
        models = listed.get("data")
        entries = (
            [one for one in models if isinstance(one, dict)] if isinstance(models, list) else []
        )
        entry = next((one for one in entries if one.get("id") == self._model), None)
        entry = entry or (entries[0] if len(entries) == 1 else {})
        meta = entry.get("meta")
        window = meta.get("n_ctx") if isinstance(meta, dict) else entry.get("max_model_len")
        if isinstance(window, int) and window > 0:
            self.window_tokens = window
        self._has_tokenizer = entry.get("owned_by") == "llamacpp"

    async def count(self, texts: Sequence[str]) -> list[int]:
        """The tokens of each text."""
        if not self._has_tokenizer:
            return [estimate_tokens(text) for text in texts]
        return list(await asyncio.gather(*(self._count(text) for text in texts)))

    async def _count(self, text: str) -> int:
        key = sha256(text.encode("utf-8", "replace")).digest()
        if (known := self._counts.get(key)) is not None:
            self._counts.move_to_end(key)
            return known
        root = self._base.removesuffix("/v1")
        async with self._turns:
            tokens = (await self._ask("POST", f"{root}/tokenize", {"content": text})).get("tokens")
        if not isinstance(tokens, list):
            return estimate_tokens(text)
        self._counts[key] = len(tokens)
        while len(self._counts) > _MOST_KEPT:
            self._counts.popitem(last=False)
        return len(tokens)

    async def _ask(self, method: str, url: str, body: object = None) -> Mapping[str, Any]:
        """A JSON object, empty where none comes."""
        try:
            response = await self._http.request(
                method, url, json=body, headers=self._headers, timeout=_WITHIN_S
            )
            value = response.json() if response.is_success else {}
        except (httpx2.HTTPError, ValueError):
            return {}
        return value if isinstance(value, dict) else {}
