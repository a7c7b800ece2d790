"""FlatIndex against brute force in numpy, and every guard that FAISS itself lacks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup_index import (
    UNIT_TOLERANCE,
    BadIds,
    BadVectors,
    DuplicateIds,
    FlatIndex,
    IndexInputError,
    Neighbour,
    VectorIndex,
)

DIMENSION = 24


def unit_rows(count: int, seed: int = 0, dimension: int = DIMENSION) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, dimension)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(count: int, seed: int = 0) -> FlatIndex:
    index = FlatIndex(DIMENSION, "artifact-a")
    index.add(np.arange(count), unit_rows(count, seed))
    return index


def assert_equals_brute_force(index: FlatIndex, held: dict[int, np.ndarray], queries: np.ndarray, k: int) -> None:
    """Scores equal numpy's best k in order; each id carries its own score; padding only where nothing is left."""
    found = index.search(queries, k)
    assert found.ids.shape == found.scores.shape == (len(queries), k)
    assert found.ids.dtype == np.int64
    assert found.scores.dtype == np.float32
    width = min(k, len(held))
    ids = np.array(sorted(held), dtype=np.int64)
    table = np.stack([held[int(i)] for i in ids]) if held else np.zeros((0, queries.shape[1]), np.float32)
    all_scores = queries.astype(np.float64) @ table.T.astype(np.float64)
    best = -np.sort(-all_scores, axis=1)[:, :width]
    np.testing.assert_allclose(found.scores[:, :width], best, atol=2e-6)
    for row, hits in enumerate(found.ids[:, :width]):
        assert len(set(hits.tolist())) == width
        columns = np.searchsorted(ids, hits)
        np.testing.assert_array_equal(ids[columns], hits)
        np.testing.assert_allclose(found.scores[row, :width], all_scores[row, columns], atol=2e-6)
    assert (found.ids[:, width:] == -1).all()
    assert np.isneginf(found.scores[:, width:]).all()


def test_a_flat_index_is_a_vector_index() -> None:
    index = filled(3)
    assert isinstance(index, VectorIndex)
    assert (index.dimension, index.artifact, len(index)) == (DIMENSION, "artifact-a", 3)


@pytest.mark.parametrize("count", [1, 7, 300])
@pytest.mark.parametrize("queries", [1, 5, 64])
@pytest.mark.parametrize("k", [1, 10, 400])
def test_search_finds_what_brute_force_finds(count: int, queries: int, k: int) -> None:
    vectors = unit_rows(count, seed=1)
    index = FlatIndex(DIMENSION, "a")
    ids = np.random.default_rng(2).choice(10**12, size=count, replace=False)
    index.add(ids, vectors)
    assert_equals_brute_force(index, dict(zip(ids.tolist(), vectors, strict=True)), unit_rows(queries, seed=3), k)


step = st.tuples(
    st.sampled_from(["add", "remove", "replace"]),
    st.lists(st.integers(0, 30), unique=True, max_size=12),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(step, max_size=8), k=st.integers(1, 40))
def test_any_sequence_of_changes_leaves_what_a_dictionary_would_hold(
    steps: list[tuple[str, list[int], int]], k: int
) -> None:
    index, held = FlatIndex(DIMENSION, "a"), dict[int, np.ndarray]()
    for action, ids, seed in steps:
        vectors = unit_rows(len(ids), seed)
        given_ids = np.array(ids, dtype=np.int64)
        if action == "remove":
            assert index.remove(given_ids) == len(held.keys() & set(ids))
            for id_ in ids:
                held.pop(id_, None)
        elif action == "add" and held.keys() & set(ids):
            with pytest.raises(DuplicateIds):
                index.add(given_ids, vectors)
        else:
            (index.add if action == "add" else index.replace)(given_ids, vectors)
            held.update(zip(ids, vectors, strict=True))
    assert len(index) == len(held)
    assert index.ids().tolist() == sorted(held)
    assert_equals_brute_force(index, held, unit_rows(3, seed=9), k)


def test_equal_scores_come_by_ascending_id() -> None:
    same = np.repeat(unit_rows(1), 6, axis=0)
    index = FlatIndex(DIMENSION, "a")
    index.add(np.array([50, 3, 999, 7, 20, 1]), same)
    assert index.search(same[:1], 8).ids.tolist() == [[1, 3, 7, 20, 50, 999, -1, -1]]


def test_an_empty_index_answers_with_padding() -> None:
    found = FlatIndex(DIMENSION, "a").search(unit_rows(2), 3)
    assert found.ids.tolist() == [[-1] * 3] * 2
    assert np.isneginf(found.scores).all()
    assert found.row(0) == ()


def test_no_queries_get_no_rows() -> None:
    assert filled(5).search(np.empty((0, DIMENSION), np.float32), 4).ids.shape == (0, 4)


def test_a_row_of_the_answer_has_no_padding() -> None:
    index = filled(2)
    hits = index.search(unit_rows(2)[:1], 5).row(0)
    assert [hit.id for hit in hits] == [0, 1]
    assert hits[0] == Neighbour(0, pytest.approx(1.0, abs=1e-6))
    assert len(index.search(unit_rows(2), 1)) == 2


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k: int) -> None:
    with pytest.raises(IndexInputError, match="k must be 1 or more"):
        filled(2).search(unit_rows(1), k)


def test_an_id_that_is_there_is_refused_and_nothing_of_the_batch_stays() -> None:
    index = filled(3)
    with pytest.raises(DuplicateIds, match="in the index already: 2"):
        index.add(np.array([7, 2]), unit_rows(2, seed=5))
    assert index.ids().tolist() == [0, 1, 2]
    assert len(index.search(unit_rows(1), 10).row(0)) == 3


@pytest.mark.parametrize("method", ["add", "replace"])
def test_an_id_twice_in_one_call_is_refused(method: str) -> None:
    index = filled(3)
    with pytest.raises(DuplicateIds, match="given twice in one call: 8"):
        getattr(index, method)(np.array([8, 9, 8]), unit_rows(3, seed=5))
    assert len(index) == 3


def test_faiss_alone_would_have_accepted_the_same_id_twice() -> None:
    """The reason for the guard; when this fails, FAISS has grown one of its own."""
    import faiss

    bare = faiss.IndexIDMap2(faiss.IndexFlatIP(DIMENSION))
    bare.add_with_ids(unit_rows(2), np.array([8, 8]))
    assert bare.ntotal == 2


@pytest.mark.parametrize(
    ("ids", "complaint"),
    [
        (np.array([3, -1]), "0 or more"),
        (np.array([1.0, 2.0]), "integers"),
        (np.array([True, False]), "integers"),
        (np.array([[1, 2]]), "one-dimensional"),
        (np.array([1, 2**63], dtype=np.uint64), "63 bits"),
        (np.array([1, 2, 3]), "3 ids for 2 vectors"),
    ],
)
def test_bad_ids_are_refused(ids: np.ndarray, complaint: str) -> None:
    index = filled(0)
    with pytest.raises(BadIds, match=complaint):
        index.add(ids, unit_rows(2))
    assert len(index) == 0


def spoiled(value: float) -> np.ndarray:
    rows = unit_rows(2)
    rows[1, 3] = value
    return rows


@pytest.mark.parametrize(
    ("vectors", "complaint"),
    [
        (unit_rows(2, dimension=DIMENSION + 1), rf"shape \(n, {DIMENSION}\)"),
        (unit_rows(2)[0], "shape"),
        (np.ones((2, DIMENSION), dtype=np.int64), "floats"),
        (spoiled(float("nan")), "row 1 .* NaN or infinity"),
        (spoiled(float("-inf")), "row 1 .* NaN or infinity"),
        (spoiled(3e38), "row 1 .* length"),
        (np.zeros((2, DIMENSION), np.float32), "length 0"),
        (unit_rows(2) * (1 + 2 * UNIT_TOLERANCE), "normalise"),
    ],
)
def test_bad_vectors_are_refused_when_adding_and_searching(vectors: np.ndarray, complaint: str) -> None:
    index = filled(4)
    for call in (
        lambda: index.add(np.array([10, 11]), vectors),
        lambda: index.replace(np.array([0, 1]), vectors),
        lambda: index.search(vectors, 1),
    ):
        with pytest.raises(BadVectors, match=complaint):
            call()
    assert index.ids().tolist() == [0, 1, 2, 3]


def test_vectors_that_went_through_float16_are_accepted() -> None:
    """SQL keeps embeddings as float16; the tolerance is there for exactly that rounding."""
    for dimension in (384, 768):
        rows = unit_rows(500, dimension=dimension).astype(np.float16)
        index = FlatIndex(dimension, "a")
        index.add(np.arange(500), rows)
        assert (index.search(rows, 1).ids[:, 0] == np.arange(500)).all()


def test_rows_in_any_memory_order_mean_the_same() -> None:
    vectors = unit_rows(6)
    index = FlatIndex(DIMENSION, "a")
    index.add(np.arange(12)[::2], np.asfortranarray(vectors))
    assert index.search(vectors, 1).ids[:, 0].tolist() == [0, 2, 4, 6, 8, 10]


def test_removing_counts_only_what_was_there() -> None:
    index = filled(10)
    assert index.remove(np.array([2, 2, 5, 77])) == 2
    assert index.remove(np.array([2, 5])) == 0
    assert index.remove(np.array([], dtype=np.int64)) == 0
    assert index.ids().tolist() == [0, 1, 3, 4, 6, 7, 8, 9]
    index.add(np.array([2]), unit_rows(10)[2:3])
    assert index.search(unit_rows(10)[2:3], 1).ids.tolist() == [[2]]


def test_replacing_changes_known_ids_and_adds_the_others() -> None:
    index = filled(3)
    fresh = unit_rows(2, seed=8)
    index.replace(np.array([1, 40]), fresh)
    assert index.ids().tolist() == [0, 1, 2, 40]
    assert index.search(fresh, 1).ids.tolist() == [[1], [40]]
    assert index.search(unit_rows(3)[1:2], 1).scores[0, 0] < 0.99


@pytest.mark.parametrize(("dimension", "artifact"), [(0, "a"), (-3, "a"), (5, "")])
def test_an_index_needs_a_dimension_and_an_artifact(dimension: int, artifact: str) -> None:
    with pytest.raises(IndexInputError):
        FlatIndex(dimension, artifact)
