"""The encoder: order, batches, odd texts, threads, providers."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup_accelerate import Encoder, ProviderFallback, ProviderUnavailable, prepare
from dedup_accelerate._encoder import plan_batches
from dedup_accelerate._session import check_provider, refuse_two_wheels
from dedup_accelerate._tokens import valid_unicode


@pytest.fixture(scope="module")
def encoder(tiny):
    return Encoder(tiny, threads=1)


def test_rows_are_unit_float32_in_the_order_of_the_texts(encoder, texts):
    vectors = encoder.encode(texts)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), encoder.dimension)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-6)
    backwards = encoder.encode(texts[::-1])
    assert np.abs(vectors - backwards[::-1]).max() < 1e-5


def test_no_texts_give_an_empty_array(encoder):
    assert encoder.encode([]).shape == (0, encoder.dimension)


def test_one_string_instead_of_a_list_is_refused(encoder):
    with pytest.raises(TypeError, match="into a list"):
        encoder.encode("one text")
    with pytest.raises(TypeError, match="NoneType"):
        encoder.encode(["text", None])


def test_a_vector_does_not_depend_on_its_neighbours_or_on_the_batch_size(tiny, texts):
    wide = Encoder(tiny, batch_tokens=100_000).encode(texts)
    narrow = Encoder(tiny, batch_tokens=1).encode(texts)
    assert np.abs(wide - narrow).max() < 1e-5


@given(st.lists(st.integers(1, 60), max_size=80), st.integers(1, 200))
def test_batches_hold_every_text_once_and_keep_the_token_budget(lengths, budget):
    batches = list(plan_batches(lengths, budget))
    assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[position] for position in batch) <= budget


ODD = [
    "",
    " \n\t ",
    "\0",
    "a\0b",
    "\ud83d",
    "\udc00\ud800",
    "😀" * 3000,
    "\u202e\u200b\ufeff",
    "я" * 100_000,
    "e\u0301",
    "\x1b[31m",
]


@pytest.mark.parametrize("which", ["tiny", "e5"])
def test_case_53_odd_texts_have_finite_unit_vectors(which, request):
    encoder = request.getfixturevalue("e5") if which == "e5" else Encoder(request.getfixturevalue("tiny"))
    vectors = encoder.encode(ODD)
    assert np.isfinite(vectors).all()
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() < 1e-6  # blank is empty


@settings(max_examples=60, deadline=None)
@given(chosen=st.lists(st.text(st.characters(exclude_categories=()), max_size=40), max_size=5))
def test_no_text_gives_nan(chosen, tiny_encoder):
    vectors = tiny_encoder.encode(chosen)
    assert np.isfinite(vectors).all()


@pytest.fixture(scope="session")
def tiny_encoder(tiny):
    return Encoder(tiny, threads=1)


def test_surrogates_are_joined_or_replaced():
    assert valid_unicode("a\ud83d\ude00b") == "a😀b"
    assert valid_unicode("a\ud83db\udc00") == "a\ufffdb\ufffd"
    assert valid_unicode("привет") == "привет"


def test_a_text_is_cut_at_the_token_limit(encoder):
    long = "the bank kept its rate " * 40
    one, other, short = encoder.encode([long, long + "fire fire fire", "the bank kept its rate"])
    assert np.abs(one - other).max() < 1e-6
    assert one @ short < 0.999


def test_the_prefix_is_put_before_each_text(checkpoints, tmp_path, lenient):
    import shutil

    with_prefix = Encoder(prepare(str(checkpoints("e5")), cache=tmp_path / "a", settings=lenient))
    copy = shutil.copytree(checkpoints("e5"), tmp_path / "bare")
    (copy / "config_sentence_transformers.json").unlink()
    without = Encoder(prepare(str(copy), cache=tmp_path / "b", settings=lenient))
    assert np.abs(with_prefix.encode(["rain"]) - without.encode(["query: rain"])).max() < 1e-6
    assert np.abs(with_prefix.encode(["rain"]) - without.encode(["rain"])).max() > 1e-3


def test_threads_share_one_encoder(tiny_encoder, texts):
    expected = tiny_encoder.encode(texts)
    with ThreadPoolExecutor(8) as pool:
        for vectors in pool.map(lambda _: tiny_encoder.encode(texts), range(40)):
            assert np.abs(vectors - expected).max() < 1e-6


def test_progress_counts_to_the_end(tiny, texts):
    seen: list[tuple[str, int, int]] = []
    Encoder(tiny, batch_tokens=48).encode(texts, progress=lambda *step: seen.append(step))
    assert {stage for stage, _, _ in seen} == {"encode"}
    assert [done for _, done, _ in seen] == sorted({done for _, done, _ in seen})
    assert seen[-1] == ("encode", len(texts), len(texts))


def test_cuda_without_its_wheel_is_refused_with_the_way_out(checkpoints, tmp_path):
    import onnxruntime

    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this machine has the CUDA wheel")
    artifact = prepare(str(checkpoints("labse")), precision="fp32", cache=tmp_path)
    with pytest.raises(ProviderUnavailable, match=r"news-dedup\[gpu\]"):
        Encoder(artifact, provider="cuda")


def test_int8_for_the_cpu_is_refused_on_cuda(tiny):
    with pytest.raises(ProviderUnavailable, match="cuda-fp16"):
        Encoder(tiny, provider="cuda")


def test_a_session_that_fell_back_is_refused():
    with pytest.raises(ProviderFallback, match="dedup doctor"):
        check_provider(["CPUExecutionProvider"], "CUDAExecutionProvider")
    check_provider(["CUDAExecutionProvider", "CPUExecutionProvider"], "CUDAExecutionProvider")


def test_two_wheels_of_onnxruntime_are_refused():
    with pytest.raises(ProviderUnavailable, match="Uninstall"):
        refuse_two_wheels(("onnxruntime 1.32.0", "onnxruntime-gpu 1.32.0"))
    refuse_two_wheels(("onnxruntime 1.32.0",))


def test_the_encoder_says_where_it_runs(encoder):
    assert encoder.provider == "CPUExecutionProvider"


@pytest.mark.parametrize("argument", [{"threads": -1}, {"batch_tokens": 0}, {"provider": "tpu"}])
def test_impossible_settings_are_refused(argument, tiny):
    with pytest.raises(ValueError, match=next(iter(argument))):
        Encoder(tiny, **argument)


def test_known_texts_are_given_again_without_the_model(plain, texts):
    class Counted(Encoder):
        def prepare(self, texts):
            pending = super().prepare(texts)
            asked.append(len(pending.ids))
            return pending

    asked: list[int] = []
    encoder = Counted(plain, threads=1, cache_texts=3)
    first = encoder.encode(["bank", "rate", "bank", "price"])
    assert np.array_equal(first[0], first[2])
    assert np.array_equal(encoder.encode(["price", "bank"]), first[[3, 0]])
    encoder.encode(["rain"])  # a fourth text: "rate" was asked for longest ago and goes
    encoder.encode(["bank", "price", "rain"])
    encoder.encode(["rate"])
    assert asked == [3, 0, 1, 0, 1]
    first[:] = 0  # what a caller does with its rows is not seen by others
    assert np.allclose(np.linalg.norm(encoder.encode(["bank", "rate"]), axis=1), 1, atol=1e-6)


def test_progress_counts_to_the_end_when_texts_are_known_or_equal(plain):
    seen: list[tuple[str, int, int]] = []
    encoder = Encoder(plain, threads=1, cache_texts=10, batch_tokens=12)
    encoder.encode(["bank", "rate"])
    for texts in (["bank", "rain", "fire", "rain", "price"], ["rate", "bank"]):
        seen.clear()
        encoder.encode(texts, progress=lambda *step: seen.append(step))
        assert seen[-1] == ("encode", len(texts), len(texts))
        assert [done for _, done, _ in seen] == sorted(done for _, done, _ in seen)


def test_a_cache_of_negative_size_is_refused(plain):
    with pytest.raises(ValueError, match="cache_texts"):
        Encoder(plain, cache_texts=-1)
