"""Smoothing of the int8 graph: measured on the model's own states, exact in what it moves, and worth it."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from dedup_accelerate import Encoder, parity_texts, prepare
from dedup_accelerate._bertweights import BertWeights
from dedup_accelerate._encoder import pad
from dedup_accelerate._engine import open_engine
from dedup_accelerate._parity import calibration_texts
from dedup_accelerate._smoothing import Smoothing, measure_scales
from dedup_accelerate._stack import read_stack
from dedup_accelerate._tensors import open_tensors
from dedup_accelerate._tokens import Tokens
from dedup_accelerate._writer import write_graph


@pytest.fixture
def with_a_loud_column(checkpoints, tmp_path):
    """As trained encoders have it: one column of the states that is large in every token and hardly varies."""
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(checkpoints("e5"), tmp_path / "loud")
    weights = load_file(folder / "model.safetensors")
    for name, values in weights.items():
        if name.endswith("LayerNorm.bias") and "layer.1.output" not in name:  # what is pooled stays as it was
            values[5] = 40
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


@pytest.mark.parametrize("shape", ["labse", "tanh-gelu"])
def test_the_states_measured_are_those_of_the_model(shape, checkpoints):
    import torch
    from transformers import BertModel

    folder = checkpoints(shape)
    stack = read_stack(folder)
    scales = list(measure_scales(BertWeights(open_tensors(folder), stack.shape), stack.shape))
    starts = np.linspace(0, stack.shape.vocabulary - 64, 16).astype(int)
    ids = torch.tensor(starts[:, None] + np.arange(64))
    with torch.no_grad():
        states = BertModel.from_pretrained(folder)(ids, output_hidden_states=True).hidden_states
    assert len(scales) == stack.shape.layers
    for measured, state in zip((layer.read for layer in scales), states, strict=False):
        assert measured.centre == pytest.approx(state.numpy().mean(axis=(0, 1)), rel=0.001, abs=0.003)


def test_a_product_of_the_smoothed_state_is_that_of_the_state():
    chance = np.random.default_rng(1)
    state, weight, bias = (chance.normal(size=size).astype(np.float32) for size in ((7, 5), (5, 3), 3))
    smoothing = Smoothing(np.float32([3, 0, -1, 0, 9]), np.float32([1, 2, 0.5, 4, 1]), 1.0)
    smooth_weight, smooth_bias = smoothing.product(weight, bias)
    got = (state - smoothing.centre) / smoothing.scale @ smooth_weight + smooth_bias
    assert got == pytest.approx(state @ weight + bias, abs=1e-4)


def test_a_column_that_never_varies_or_that_nothing_reads_harms_nothing(checkpoints, texts, tmp_path, lenient):
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(checkpoints("e5"), tmp_path / "still")
    weights = load_file(folder / "model.safetensors")
    for name, values in weights.items():
        if "LayerNorm" in name:
            values[2] = 0
        elif name.endswith(("query.weight", "key.weight", "value.weight", "intermediate.dense.weight")):
            values[:, 9] = 0
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    whole = Encoder(prepare(str(folder), precision="fp32", cache=tmp_path)).encode(texts)
    int8 = Encoder(prepare(str(folder), cache=tmp_path, settings=lenient)).encode(texts)
    assert (whole * int8).sum(axis=1).min() > 0.99


def test_a_loud_column_does_not_drown_the_others_in_int8(with_a_loud_column, texts, tmp_path, lenient):
    whole = Encoder(prepare(str(with_a_loud_column), precision="fp32", cache=tmp_path)).encode(texts)
    int8 = Encoder(prepare(str(with_a_loud_column), cache=tmp_path, settings=lenient)).encode(texts)
    assert (whole * int8).sum(axis=1).min() > 0.99995, "0.99998 with smoothing, 0.99987 without"


@pytest.fixture
def with_a_loud_unit(checkpoints, tmp_path):
    """As trained encoders have it: a unit of the feed-forward part that is far above all others, in every layer."""
    from safetensors.numpy import load_file, save_file

    folder = shutil.copytree(checkpoints("e5"), tmp_path / "parked")
    weights = load_file(folder / "model.safetensors")
    for name, values in weights.items():
        if name.endswith("intermediate.dense.bias"):
            values[11] = 300
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def fixed(folder, target, texts):
    """Embeddings of a graph with fixed scales, in onnxruntime: any engine reads it."""
    stack = read_stack(folder)
    target.mkdir()
    ids = Tokens(folder / "tokenizer.json", prefix=stack.prefix, max_tokens=stack.max_tokens)(texts)
    return open_engine(write_graph(stack, target, weights="int8-fixed", texts=ids)).run(*pad(ids))


def test_fixed_scales_keep_the_model(checkpoints, texts, tmp_path):
    for shape in ("labse", "e5", "tanh-gelu"):
        whole = Encoder(prepare(str(checkpoints(shape)), precision="fp32", cache=tmp_path)).encode(texts)
        cosines = (whole * fixed(checkpoints(shape), tmp_path / shape, texts)).sum(axis=1)
        assert 0.99 < cosines.min() < 0.999999, "near, and really rounded"


def test_a_loud_unit_does_not_drown_the_others_under_a_fixed_scale(with_a_loud_unit, texts, tmp_path):
    stack = read_stack(with_a_loud_unit)
    for layer in measure_scales(BertWeights(open_tensors(with_a_loud_unit), stack.shape), stack.shape):
        assert 11 in layer.loud
        assert layer.quiet < 30
    whole = Encoder(prepare(str(with_a_loud_unit), precision="fp32", cache=tmp_path)).encode(texts)
    int8 = fixed(with_a_loud_unit, tmp_path / "fixed", texts)
    assert (whole * int8).sum(axis=1).min() > 0.9


def test_scales_are_measured_on_the_texts_too(checkpoints):
    folder = checkpoints("e5")
    stack = read_stack(folder)
    weights = BertWeights(open_tensors(folder), stack.shape)
    ids = Tokens(folder / "tokenizer.json", prefix="", max_tokens=stack.max_tokens)(calibration_texts())
    alone, more = (list(measure_scales(weights, stack.shape, given)) for given in ((), ids))
    assert all(len(one) <= stack.max_tokens for one in ids)
    assert alone[0].read.centre != pytest.approx(more[0].read.centre, abs=1e-5)
    assert next(measure_scales(weights, stack.shape, ids, power=0.9)).read.scale != pytest.approx(more[0].read.scale)


def test_parity_is_not_measured_on_the_texts_that_scales_were_measured_on():
    assert len(calibration_texts()) == len(set(calibration_texts())) >= 40
    assert not set(calibration_texts()) & set(parity_texts())
