"""One artifact contract, several engines: the same vectors, and no other engine or arithmetic in silence."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from dedup_accelerate import (
    PROFILES,
    Encoder,
    Hardware,
    ProviderFallback,
    ProviderUnavailable,
    choose_profile,
    detect_hardware,
    load_artifact,
    parity_texts,
    prepare,
)
from dedup_accelerate._encoder import Runner, plan_batches
from dedup_accelerate._engine import open_engine
from dedup_accelerate._openvino import OpenVino, check_precision

OPENVINO = choose_profile(Hardware(openvino="any"), "cpu-fp32", "openvino")
needs_vnni = pytest.mark.skipif(not detect_hardware().vnni, reason="this CPU has no AVX512-VNNI")


def test_openvino_agrees_with_onnxruntime(checkpoints, texts, tmp_path):
    for shape in ("labse", "e5", "minilm"):
        here = Encoder(prepare(str(checkpoints(shape)), profile="cpu-fp32", cache=tmp_path))
        there = Encoder(prepare(str(checkpoints(shape)), profile=OPENVINO, cache=tmp_path))
        one, other = here.encode(texts), there.encode(texts)
        assert here.provider == "CPUExecutionProvider"
        assert there.provider == "OpenVINO CPU"
        assert other.dtype == np.float32
        assert np.abs(np.linalg.norm(other, axis=1) - 1).max() < 1e-5
        assert np.abs(one - other).max() < 1e-4
        # Equal graphs, yet two spaces: vectors of two kinds of arithmetic are never compared.
        assert here.artifact.fingerprint != there.artifact.fingerprint
        assert there.artifact.manifest.parity.mean_cosine > 0.9999


def test_the_engine_is_kept_with_the_artifact(checkpoints, tmp_path):
    built = prepare(str(checkpoints("e5")), profile=OPENVINO, cache=tmp_path)
    contract = load_artifact(built.path).manifest.contract
    assert (contract.precision, contract.engine, contract.arithmetic) == ("fp32", "openvino", "fp32")
    assert prepare(str(checkpoints("e5")), profile=OPENVINO, cache=tmp_path).path == built.path
    assert prepare(str(checkpoints("e5")), profile="cpu-fp32", cache=tmp_path).path != built.path


def test_openvino_may_be_run_by_many_threads(checkpoints, texts, tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    encoder = Encoder(prepare(str(checkpoints("e5")), profile=OPENVINO, cache=tmp_path), threads=1)
    alone = [encoder.encode([text]) for text in texts]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda text: encoder.encode([text]), texts * 8))
    for number, vectors in enumerate(together):
        assert np.abs(vectors - alone[number % len(texts)]).max() < 1e-6


def test_openvino_gets_texts_of_few_widths_and_none_too_wide(checkpoints, tmp_path, monkeypatch):
    encoder = Encoder(prepare(str(checkpoints("e5")), profile=OPENVINO, cache=tmp_path), batch_tokens=64)
    seen, run = [], OpenVino.run
    monkeypatch.setattr(OpenVino, "run", lambda self, ids, mask: (seen.append(ids.shape), run(self, ids, mask))[1])
    most = encoder.artifact.manifest.contract.max_tokens
    texts = ["bank " * count for count in range(1, most + 9)]
    vectors = encoder.encode(texts)
    assert {width for _, width in seen} == {min(16 * number, most) for number in range(1, -(-most // 16) + 1)}
    assert all(rows * width <= 64 or rows == 1 for rows, width in seen)
    here = Encoder(prepare(str(checkpoints("e5")), profile="cpu-fp32", cache=tmp_path))
    assert np.abs(vectors - here.encode(texts)).max() < 1e-4


def test_openvino_encodes_many_texts_in_as_many_streams_as_cores(checkpoints, texts, tmp_path, monkeypatch):
    from threading import Barrier

    many = [f"{text} {number}" for number in range(12) for text in texts]
    artifact = prepare(str(checkpoints("e5")), profile=OPENVINO, cache=tmp_path)
    encoder = Encoder(artifact, threads=2, batch_tokens=64)
    run, both = OpenVino.run, Barrier(2, timeout=20)

    def together(engine, ids, mask):
        if engine is encoder._runner._streams._engine:
            both.wait()  # ends only when two runs are under way at once
        return run(engine, ids, mask)

    lengths = [encoder._runner._width(count) for count in encoder.count_tokens(many)]
    assert len(list(plan_batches(lengths, 32))) % 2 == 0, "the last run would wait for another one"
    monkeypatch.setattr(OpenVino, "run", together)
    vectors = encoder.encode(many)
    assert encoder._runner._streams._engine._model.get_property("NUM_STREAMS") == 2
    assert np.abs(vectors - Encoder(artifact, threads=1, batch_tokens=1).encode(many)).max() < 1e-5


def test_openvino_refuses_what_it_cannot_compute_here(plain):
    with pytest.raises(ProviderUnavailable, match="cuda profile"):
        open_engine(plain.graph, engine="openvino", provider="cuda")
    with pytest.raises(ProviderUnavailable, match="fp16"):
        open_engine(plain.graph, engine="openvino", arithmetic="fp16")
    if not detect_hardware().bf16:
        with pytest.raises(ProviderUnavailable, match="bfloat16"):
            open_engine(plain.graph, engine="openvino", arithmetic="bf16")


def test_openvino_refuses_int8_that_this_cpu_would_compute_in_fp32(plain, monkeypatch):
    monkeypatch.setattr("dedup_accelerate._openvino.cpu_flags", lambda: frozenset({"avx2"}))
    with pytest.raises(ProviderUnavailable, match="AVX512-VNNI"):
        open_engine(plain.graph, engine="openvino", precision="int8")


@needs_vnni
@pytest.mark.parametrize("shape", ["labse", "e5", "tanh-gelu"])
def test_int8_in_openvino_stays_near_fp32(shape, checkpoints, texts, tmp_path, lenient):
    folder = str(checkpoints(shape))
    whole = Encoder(prepare(folder, profile="cpu-fp32", cache=tmp_path)).encode(texts)
    profile = choose_profile(detect_hardware(), "cpu-int8", "openvino")
    artifact = prepare(folder, profile=profile, cache=tmp_path, settings=lenient)
    encoder = Encoder(artifact)
    cosines = (encoder.encode(texts) * whole).sum(axis=1)
    assert 0.99 <= cosines.min() < 0.999999, "near, and really rounded"
    assert encoder.provider == "OpenVINO CPU"
    other = prepare(folder, profile="cpu-int8", cache=tmp_path, settings=lenient)
    assert artifact.fingerprint != other.fingerprint


@needs_vnni
def test_int8_in_openvino_rounds_each_text_by_itself(e5_cache):
    """Of the real e5-small, whose scales were fixed beforehand."""
    texts, profile = parity_texts(), choose_profile(detect_hardware(), "cpu-int8", "openvino")
    encoder = Encoder(prepare("e5-small", profile=profile, cache=e5_cache))
    whole = Encoder(prepare("e5-small", profile="cpu-fp32", cache=e5_cache)).encode(texts)
    together = encoder.encode(texts)
    alone = np.concatenate([encoder.encode([text]) for text in texts])
    assert (together * whole).sum(axis=1).min() > 0.9995
    assert (together * whole).sum(axis=1).max() < 0.99995, "bfloat16 alone is nearer than that"
    # Other products of bfloat16 in another order, not other scales: those would differ by the shift of int8.
    assert (together * alone).sum(axis=1).min() > 0.9999
    # Without them nothing differs: the same graph in onnxruntime, all else in float32.
    contract = replace(encoder.artifact.manifest.contract, engine="onnxruntime", arithmetic="fp32")
    exact = Runner(encoder.artifact.graph, encoder.artifact.tokenizer, contract)
    alone = np.concatenate([exact.encode([text]) for text in texts])
    assert (exact.encode(texts) * alone).sum(axis=1).min() > 0.99999
    parity = encoder.artifact.manifest.parity
    assert parity is not None
    assert parity.max_pairwise_shift <= 0.01


def test_another_precision_than_asked_is_a_fallback():
    check_precision("bf16", "bf16")
    with pytest.raises(ProviderFallback, match="f32"):
        check_precision("f32", "bf16")


def test_half_precision_for_a_gpu_is_built_here_and_refused_on_the_cpu(checkpoints, texts, tmp_path, lenient):
    for shape in ("labse", "e5", "tanh-gelu"):
        artifact = prepare(str(checkpoints(shape)), profile=PROFILES["cuda-fp16"], cache=tmp_path, settings=lenient)
        whole = prepare(str(checkpoints(shape)), profile="cpu-fp32", cache=tmp_path)
        assert artifact.manifest.parity.min_cosine > 0.999
        assert artifact.bytes < 0.7 * whole.bytes  # the tokenizer and the padding of pages stay
        with pytest.raises(ProviderUnavailable, match="cpu profile"):
            Encoder(artifact, provider="cpu")
        # onnxruntime's CPU computes the graph in fp32 from its fp16 weights.
        engine = open_engine(artifact.graph)
        ids = np.array([[2, 40, 41, 3, 0], [2, 50, 60, 61, 3]])
        mask = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 1]])
        half, full = engine.run(ids, mask), open_engine(whole.graph).run(ids, mask)
        assert half.dtype == np.float32
        assert 1e-6 < np.abs(half - full).max() < 0.01


def test_profile_and_precision_exclude_one_another(tmp_path):
    with pytest.raises(ValueError, match="exclude"):
        prepare("e5-small", profile="cpu-fp32", precision="fp32", cache=tmp_path)
