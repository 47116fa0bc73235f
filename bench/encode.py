"""The floors that figures are held against: encoding alone, with our runtime and with torch in fp32."""

import time
from collections.abc import Sequence
from pathlib import Path

from headwater.console import say
from headwater.indexing import open_source
from headwater.settings import Settings
from index.adapters import reading_child
from index.adapters.embed.embedder import Embedder
from index.adapters.embed.models import tokenizer_file
from index.adapters.embed.prepare import prepare_embedder
from index.core.chunks import ChunkLimits
from index.core.pages import ReadPage
from index.core.reading import Reader
from ingest.adapters.examining_child import ExaminingChild
from ingest.handlers.verify import pages_at
from schemas.events import PageChanged
from schemas.ids import TextHash, path_of

_TORCH_SAMPLE = 384


async def embedder_of(settings: Settings) -> Embedder:
    """The embedder that the program uses with these settings."""
    cache = Path(settings.embedding.cache)
    return await prepare_embedder(settings.embedding.model, cache_dir=cache, say=say)


def reader_of(settings: Settings, embedder: Embedder) -> Reader:
    """A reader in this process, the same as the program's in its child."""
    model = embedder.model
    limits = ChunkLimits(settings.chunking.target_chars, model.max_tokens)
    return reading_child.reader_of(
        tokenizer_file(model), prompt=model.document_prompt, limits=limits
    )


async def pages_of(
    settings: Settings,
    reader: Reader,
    commit: str | None = None,
    known: dict[tuple[str, str], ReadPage] | None = None,
) -> dict[str, ReadPage]:
    """Every page of the first source, read independently of any store; `known` remembers path and text."""
    remembered = {} if known is None else known

    def read(event: PageChanged) -> ReadPage:
        key = (event.page_id, event.text)
        if key not in remembered:
            remembered[key] = reader.read(event)
        return remembered[key]

    async with (
        ExaminingChild(timeout_s=settings.chunking.read_timeout_s) as examine,
        open_source(settings.source[0], Path(settings.home), examine) as source,
    ):
        head = await source.reader.head()
        events = pages_at(source, commit or head.commit)
        return {path_of(event.page_id): read(event) async for event in events}


def distinct_texts(pages: Sequence[ReadPage]) -> dict[TextHash, str]:
    """The distinct texts of pages, by hash."""
    return {chunk.text_hash: chunk.embedded for page in pages for chunk in page.chunks}


async def encode_s(embedder: Embedder, texts: Sequence[str]) -> float:
    """Seconds to encode texts with the program's runtime, sorted by length all together."""
    start_s = time.perf_counter()
    await embedder.embed_texts(texts)
    return time.perf_counter() - start_s


def torch_rate(embedder: Embedder, texts: Sequence[str]) -> tuple[float, int]:
    """Texts a second of torch in fp32 on a sample, and the batch size that reached it."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(embedder.model.folder), device="cpu")
    sample = sorted(texts, key=len)[:: max(1, len(texts) // _TORCH_SAMPLE)]
    model.encode(sample[::8], batch_size=8, normalize_embeddings=True)  # the first call is slower
    rates = {}
    for batch in (1, 2, 4, 8, 16, 32, 64):
        start_s = time.perf_counter()
        model.encode(sample, batch_size=batch, normalize_embeddings=True)
        rates[batch] = len(sample) / (time.perf_counter() - start_s)
    best = max(rates, key=lambda batch: rates[batch])
    return rates[best], best
