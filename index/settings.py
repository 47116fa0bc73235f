"""How text becomes an index, and where the index is kept."""

from typing import Annotated

import msgspec
from msgspec import Meta

from index.core.rank import RankWeights


class EmbeddingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How texts become vectors: `model` is the bundled one, or any sentence-transformers name or folder.

    `cache` is where models prepared for this machine are kept, for every index of the user; empty means
    `headwater` in the user's own cache folder.
    """

    model: str = "all-MiniLM-L6-v2"
    device: str = "auto"
    cache: str = ""


class ChunkingSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a chunk may be, and how long reading one page may take."""

    target_chars: Annotated[int, Meta(ge=50, le=100_000)] = 500
    read_timeout_s: Annotated[float, Meta(gt=0, le=3_600)] = 20.0


class DatabaseSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which Postgres keeps the index: `url` empty means the embedded one."""

    url: str = ""

    def __repr__(self) -> str:
        return f"DatabaseSettings(url={'***' if self.url else ''!r})"


class RaySettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which Ray cluster embeds what workers index: `address` empty means that each embeds by itself.

    `local` starts one on loopback. Each of the `actors` takes so many `cpus` and `gpus`, which may be fractions. A call
    may take `timeout_s`; a worker that has heard nothing from the cluster for `lost_after_s` ends, to be started again.
    A first load or a new index with at least `prefill_texts` new texts has them embedded by Ray Data before its pages
    are sent; 0 means never.

    Questions are embedded by Ray Serve at `serve_url`, an answer of which may take `serve_timeout_s`; empty means by
    each process itself. `headwater models serve` has Ray Serve listen on `serve_host` and `serve_port`, and hold each
    model in so many `replicas`, of so many `replica_cpus` and `replica_gpus`: with none they fit in beside the actors.
    """

    address: str = ""
    actors: Annotated[int, Meta(ge=1, le=1_000)] = 1
    cpus: Annotated[float, Meta(ge=0, le=1_000)] = 1.0
    gpus: Annotated[float, Meta(ge=0, le=16)] = 0.0
    timeout_s: Annotated[float, Meta(gt=0, le=3_600)] = 60.0
    lost_after_s: Annotated[float, Meta(gt=0, le=3_600)] = 30.0
    prefill_texts: Annotated[int, Meta(ge=0, le=10**9)] = 50_000
    serve_url: str = ""
    serve_timeout_s: Annotated[float, Meta(gt=0, le=60)] = 2.0
    serve_host: str = "127.0.0.1"
    serve_port: Annotated[int, Meta(ge=1, le=65_535)] = 8_010
    replicas: Annotated[int, Meta(ge=1, le=1_000)] = 1
    replica_cpus: Annotated[float, Meta(ge=0, le=1_000)] = 0.0
    replica_gpus: Annotated[float, Meta(ge=0, le=16)] = 0.0


class PathSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How much the pages count whose paths, relative to their source's `root`, match a pattern.

    `source` empty means every source. A page's score is multiplied by `weight`; 0 hides it from answers.
    """

    match: Annotated[str, Meta(min_length=1, max_length=500)]
    weight: Annotated[float, Meta(ge=0, le=100)]
    source: str = ""


class RetrievalSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How many `candidates` each ranking brings, and how they are weighed.

    The best `lexical` match of a question counts as much as a cosine of this size. `page` is what the next two chunks
    of a page add to it, `exact` what a chunk counts more whose section the question names exactly
    (`Dataset.map_batches`, `--num-cpus`). At most `per_page` chunks of one page are returned. Of chunks below the
    same headings whose texts are `alike` to this share or more, as in several versions of a page, only the best is,
    unless places are free; above 1 all are.

    `paths` are weights by pattern, such as `{ match = "legacy/**", weight = 0.5 }`, for one `source` where that is
    given: a page's score is multiplied by the first that it matches, and 0 hides it from answers. Each of the
    `synonyms` is a list of terms that mean the same: a question with one of them is looked for by the others too.

    `reranker` puts the best `rerank_top` of them in another order: `llm:ROLE`, a language model that is configured for
    that role, or `cross-encoder:NAME`, any sentence-transformers name or folder; empty means none. `rerank_s` is how
    long that may take: after it they stay as they are.
    """

    candidates: Annotated[int, Meta(ge=1, le=1_000)] = 60
    lexical: Annotated[float, Meta(ge=0, le=1_000)] = 0.5
    page: Annotated[float, Meta(ge=0, le=1_000)] = 0.1
    per_page: Annotated[int, Meta(ge=1, le=100)] = 2
    alike: Annotated[float, Meta(gt=0, le=2)] = 0.8
    exact: Annotated[float, Meta(ge=0, le=1_000)] = 0.2
    paths: Annotated[tuple[PathSettings, ...], Meta(max_length=100)] = ()
    synonyms: Annotated[
        tuple[tuple[Annotated[str, Meta(max_length=100)], ...], ...], Meta(max_length=1_000)
    ] = ()
    reranker: Annotated[str, Meta(pattern=r"^(|(llm|cross-encoder):\S.*)\Z")] = ""
    rerank_top: Annotated[int, Meta(ge=2, le=50)] = 20
    rerank_s: Annotated[float, Meta(gt=0, le=600)] = 5.0


def weights_of(retrieval: RetrievalSettings) -> RankWeights:
    """The weights that the settings ask for; those that are no setting keep their values."""
    return RankWeights(
        lexical=retrieval.lexical,
        page=retrieval.page,
        per_page=retrieval.per_page,
        alike=retrieval.alike,
        exact=retrieval.exact,
    )
