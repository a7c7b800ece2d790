"""The CUDA way as far as a machine without a card can tell: buckets, padding, binding over the CPU provider."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_accelerate import Encoder, prepare
from dedup_accelerate._cuda import WIDTHS, BoundSession, bucket_for, fit
from dedup_accelerate._encoder import pad
from dedup_accelerate._session import open_session


@given(st.integers(1, 5000), st.integers(1, 9000))
def test_a_bucket_holds_the_batch_and_is_at_most_twice_as_high(texts, tokens):
    rows, width = bucket_for(texts, tokens)
    assert texts <= rows < 2 * texts
    assert rows & (rows - 1) == 0
    assert tokens <= width
    assert width <= max(32, 1.5 * tokens)
    assert bucket_for(rows, width) == (rows, width), "a batch that fills a bucket stays in it"


def test_few_buckets_serve_every_batch():
    widths = {bucket_for(1, tokens)[1] for tokens in range(1, 513)}
    assert widths == set(WIDTHS)
    assert len({bucket_for(texts, 1)[0] for texts in range(1, 257)}) == 9
    assert bucket_for(3, 513) == (4, 768)


@given(st.integers(1, 600), st.integers(1, 600))
def test_no_bucket_is_wider_than_the_model_has_positions(tokens, longest):
    width = bucket_for(1, tokens, longest)[1]
    assert width == (min(bucket_for(1, tokens)[1], longest) if tokens <= longest else bucket_for(1, tokens)[1])
    assert width >= tokens


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_an_empty_batch_has_no_bucket(shape):
    with pytest.raises(ValueError, match="at least one"):
        bucket_for(*shape)


def test_padding_rows_attend_to_one_token_and_padding_columns_to_none():
    ids, mask = fit(*pad([[2, 3, 4], [2, 4]]), (4, 16))
    assert ids.shape == mask.shape == (4, 16)
    assert ids[:2, :3].tolist() == [[2, 3, 4], [2, 4, 0]]
    assert ids.sum() == 2 + 3 + 4 + 2 + 4
    assert mask.sum(axis=1).tolist() == [3, 2, 1, 1]


@pytest.fixture(scope="module", params=["direct", "optimum"])
def artifact(request, checkpoints, tmp_path_factory):
    """Written here, and exported with a symbolic width of its output."""
    cache = tmp_path_factory.mktemp("bound")
    return prepare(str(checkpoints("labse")), precision="fp32", method=request.param, cache=cache)


def batches(encoder, texts):
    ids = encoder.prepare(texts).ids
    return [ids[begin : begin + size] for begin, size in ((0, 1), (1, 3), (0, len(ids)), (3, 2), (1, 3))]


def test_bound_buffers_give_the_vectors_of_a_plain_session(artifact, texts):
    encoder = Encoder(artifact, threads=1)
    bound = BoundSession(open_session(artifact.graph, "cpu", 1), "cpu", recording=False)
    assert bound.provider == "CPUExecutionProvider"
    for ids in batches(encoder, texts):
        rows = bound.run(*pad(ids))
        assert rows.dtype == np.float32
        assert np.abs(rows - encoder.run(ids)).max() < 1e-5


def test_a_later_batch_of_the_same_shape_leaves_earlier_vectors_alone(artifact):
    bound = BoundSession(open_session(artifact.graph, "cpu", 1), "cpu", recording=True)
    first = bound.run(*pad([[2, 7, 3]]))
    kept = first.copy()
    second = bound.run(*pad([[2, 9, 11, 3]]))
    assert np.array_equal(first, kept)
    assert np.abs(second - first).max() > 1e-3
    assert len(bound._slots) == 1


def test_threads_take_turns_at_the_buffers(artifact):
    bound = BoundSession(open_session(artifact.graph, "cpu", 1), "cpu", recording=False)
    ids = [[2, number, 3] for number in range(5, 25)]
    expected = [bound.run(*pad([own])) for own in ids]
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(lambda own: bound.run(*pad([own])), ids * 3)
        for number, rows in enumerate(found):
            assert np.abs(rows - expected[number % len(ids)]).max() < 1e-6


def test_a_text_as_long_as_the_model_reads_is_not_padded_beyond_its_positions(artifact):
    """39 tokens would be given 48."""
    bound = BoundSession(open_session(artifact.graph, "cpu", 1), "cpu", recording=False, longest=40)
    assert bound.run(*pad([[2, *range(5, 43)]])).shape == (1, artifact.dimension)
    assert list(bound._slots) == [(1, 40)]
