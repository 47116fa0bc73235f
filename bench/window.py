"""Whether what was embedded fits the window of the model, text by text."""

from hashlib import sha256

from headwater.runtime import Runtime
from index.adapters.embed.models import tokenizer_file
from index.adapters.embed.tokens import TokenCounter
from index.core.chunks import ChunkLimits, fit_prefix, prefix_of
from index.core.inline_code import without_signs
from schemas.ids import Generation, SourceName


async def window_figures(runtime: Runtime, generation: Generation) -> dict[str, object]:
    """The tokens of every chunk with its prefix; `not_rebuilt` are texts whose hash shows that they were another."""
    info = await runtime.models.info(runtime.settings.embedding.model)
    counter = TokenCounter(tokenizer_file(info))
    limits = ChunkLimits(runtime.settings.chunking.target_chars, info.max_tokens)
    sizes: list[int] = []
    not_rebuilt = 0
    for source in runtime.settings.source:
        dump = await runtime.store.generations.dump(generation, SourceName(source.name))
        for page in dump.values():
            for section, text, known in page.chunks:
                prefix = prefix_of(page.title, page.sections[section][0])
                prefix = fit_prefix(prefix, limits, counter.count)
                body = without_signs(text)
                embedded = f"{prefix}\n{body}" if prefix else body
                not_rebuilt += sha256(embedded.encode()).digest() != known
                sizes += counter.count([embedded])
    return {
        "window_tokens": info.max_tokens,
        "chunks": len(sizes),
        "longest_tokens": max(sizes),
        "truncated_share": sum(one > info.max_tokens for one in sizes) / len(sizes),
        "not_rebuilt": not_rebuilt,
    }
