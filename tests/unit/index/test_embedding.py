"""Laws of embedding that need no model: checks, batches, turns, choices, and what a folder may hold."""

import asyncio
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from index.adapters.embed.choice import CacheDamaged, Measured, Plan, best_of, read_choice
from index.adapters.embed.cpu import Cpu, features_in
from index.adapters.embed.hashed import HashedEmbedder
from index.adapters.embed.lanes import Lanes, Turn
from index.adapters.embed.measure import first_plans, variants
from index.adapters.embed.selftest import probe_places, self_test_texts
from index.core.embedding import batches_by_length, check_vectors, cosines, unit_vectors
from schemas.errors import BadVectors, EmbedderUnavailable

BF16 = Cpu(name="new", features=("avx2", "avx512f", "avx512_bf16"), threads=2)
PLAIN = Cpu(name="old", features=("avx2",), threads=1)
PLAN = Plan("openvino", "f32", 8, 2, 2)


def unit(count: int = 3, dim: int = 4) -> np.ndarray:
    return unit_vectors(np.arange(1, count * dim + 1, dtype=np.float32).reshape(count, dim))


def test_unit_vectors_of_the_right_shape_pass() -> None:
    check_vectors(unit(), count=3, dim=4)
    check_vectors(np.empty((0, 4), dtype=np.float32), count=0, dim=4)


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda v: v[:2], "shape"),
        (lambda v: v[:, :3], "shape"),
        (lambda v: v[0], "shape"),
        (lambda v: v.astype(np.float64), "float64"),
        (lambda v: v * 1.01, "length of vector"),
        (lambda v: v * np.array([[1], [0], [1]], dtype=np.float32), "length of vector 1"),
        (lambda v: np.where(v == v[1, 1], np.nan, v).astype(np.float32), "finite"),
        (lambda v: np.where(v == v[1, 1], np.inf, v).astype(np.float32), "finite"),
    ],
)
def test_anything_but_finite_unit_vectors_is_refused(spoil, said) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadVectors, match=said):
        check_vectors(spoil(unit()), count=3, dim=4)


def test_rows_of_any_length_become_unit_vectors_and_zeros_stay_zeros() -> None:
    rows = np.array([[3.0, 4.0], [0.0, 0.0], [1e-3, 0.0]])

    vectors = unit_vectors(rows)

    assert vectors.dtype == np.float32
    assert np.allclose(vectors, [[0.6, 0.8], [0.0, 0.0], [1.0, 0.0]])


def test_a_cosine_is_that_of_each_pair() -> None:
    left = np.array([[1, 0], [0, 1]], dtype=np.float32)

    assert cosines(left, left[::-1]).tolist() == [0.0, 0.0]
    assert cosines(left, left).tolist() == [1.0, 1.0]


@given(st.lists(st.integers(0, 50)), st.integers(1, 16))
def test_batches_hold_every_text_once_longest_first(lengths: list[int], size: int) -> None:
    batches = batches_by_length(lengths, size)

    order = [at for batch in batches for at in batch]
    assert sorted(order) == list(range(len(lengths)))
    assert [lengths[at] for at in order] == sorted(lengths, reverse=True)
    assert all(0 < len(batch) <= size for batch in batches)


def test_a_question_goes_before_the_batches_that_wait() -> None:
    lanes, order = Lanes(1, name="test"), list[str]()
    may_go = threading.Event()

    def work(name: str) -> np.ndarray:
        may_go.wait(10)
        order.append(name)
        return unit()

    running = lanes.submit(lambda: work("running"), turn=Turn.INDEXING)
    while not running.running():
        pass
    waiting = [
        lanes.submit(lambda name=name: work(name), turn=turn)  # type: ignore[misc]
        for name, turn in [
            ("batch 1", Turn.INDEXING),
            ("batch 2", Turn.INDEXING),
            ("question", Turn.QUESTION),
        ]
    ]
    may_go.set()
    for future in waiting:
        future.result(10)
    lanes.close()

    assert order == ["running", "question", "batch 1", "batch 2"]


def test_a_failing_piece_of_work_does_not_end_its_lane() -> None:
    lanes = Lanes(1, name="test")

    def fail() -> np.ndarray:
        raise ValueError("once")

    failed = lanes.submit(fail, turn=Turn.INDEXING)
    done = lanes.submit(unit, turn=Turn.INDEXING)

    assert done.result(10).shape == (3, 4)
    assert str(failed.exception(10)) == "once"
    lanes.close()


def test_what_is_cancelled_before_its_turn_never_runs() -> None:
    lanes, ran = Lanes(1, name="test"), list[bool]()
    may_go = threading.Event()

    def wait() -> np.ndarray:
        may_go.wait(10)
        return unit()

    def run() -> np.ndarray:
        ran.append(True)
        return unit()

    first = lanes.submit(wait, turn=Turn.INDEXING)
    while not first.running():
        pass
    second = lanes.submit(run, turn=Turn.INDEXING)

    second.cancel()
    may_go.set()
    lanes.close()

    assert ran == []


def test_closed_lanes_take_no_work() -> None:
    lanes = Lanes(2, name="test")
    lanes.close()
    lanes.close()

    with pytest.raises(RuntimeError):
        lanes.submit(unit, turn=Turn.QUESTION)


def measured(texts_per_s: float, *, cosine: float = 1.0, **plan: object) -> Measured:
    return Measured(replace(PLAN, **plan), texts_per_s, cosine)  # type: ignore[arg-type]


def test_the_fastest_runtime_is_chosen() -> None:
    assert best_of((measured(50.0), measured(60.0, precision="bf16"))).plan.precision == "bf16"


def test_a_fast_runtime_with_other_vectors_is_not_chosen() -> None:
    assert best_of((measured(50.0), measured(90.0, cosine=0.998))).texts_per_s == 50.0


def test_among_equals_the_smaller_batch_is_chosen() -> None:
    assert best_of((measured(60.0, batch=16), measured(59.0, batch=4))).plan.batch == 4


@pytest.mark.parametrize(("torch_per_s", "runtime"), [(60.0, "openvino"), (70.0, "torch")])
def test_torch_has_to_be_faster_by_a_third(torch_per_s: float, runtime: str) -> None:
    best = best_of((measured(50.0), measured(torch_per_s, runtime="torch")))

    assert best.plan.runtime == runtime


def test_without_a_right_runtime_nothing_is_chosen() -> None:
    with pytest.raises(EmbedderUnavailable):
        best_of((measured(50.0, cosine=0.5),))


def test_bf16_is_tried_only_where_the_processor_computes_it() -> None:
    tried = {
        cpu: {plan.precision for plan in first_plans(cpu, with_openvino=True)}
        for cpu in (BF16, PLAIN)
    }

    assert tried == {BF16: {"f32", "bf16"}, PLAIN: {"f32"}}


def test_no_batch_is_above_sixteen_and_no_plan_is_tried_twice() -> None:
    for cpu in (BF16, PLAIN):
        plans = variants(PLAN, cpu)

        assert all(plan.batch <= 16 for plan in plans)
        assert len(set(plans)) == len(plans)


def test_features_are_read_from_either_kind_of_cpuinfo() -> None:
    assert features_in("model name\t: X\nflags\t\t: fpu avx2 avx512_bf16\n") == (
        "avx2",
        "avx512_bf16",
    )
    assert features_in("Features\t: fp asimd bf16\n") == ("asimd", "bf16")
    assert features_in("") == ()


@pytest.mark.parametrize("content", [None, b"", b"{}", b"\xff"])
def test_a_broken_choice_is_damage_not_a_crash(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "runtime.json").write_bytes(content)

    with pytest.raises(CacheDamaged):
        read_choice(tmp_path)


def test_the_self_test_has_64_texts_of_all_lengths() -> None:
    texts = self_test_texts()

    assert len(set(texts)) == 64
    assert min(map(len, texts)) < 100
    assert max(map(len, texts)) > 1000
    assert len(set(probe_places(len(texts)))) == 8


def test_hashed_vectors_are_unit_the_same_each_time_and_near_for_like_texts() -> None:
    embedder = HashedEmbedder(dim=64)
    texts = ["how to restart the server", "restart the server how", "bake bread at home", ""]

    vectors = asyncio.run(embedder.embed_texts(texts))
    question = asyncio.run(embedder.embed_query(texts[0]))

    check_vectors(vectors, count=4, dim=64)
    assert np.array_equal(question, vectors[0])
    assert float(question @ vectors[1]) > 0.7 > float(question @ vectors[2])
    assert embedder.embedded == texts


def test_a_failing_hashed_embedding_counts_no_texts() -> None:
    def fail(texts: object) -> None:
        raise EmbedderUnavailable("on cue")

    embedder = HashedEmbedder(before=fail)

    with pytest.raises(EmbedderUnavailable):
        asyncio.run(embedder(["a"]))

    assert embedder.texts_embedded == 0
