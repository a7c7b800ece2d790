"""The direct writer and optimum against sentence-transformers, on the stacks the registry has."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from dedup_accelerate import (
    BuildSettings,
    CheckpointInvalid,
    Encoder,
    ParityFloor,
    ParityTooLow,
    UnsupportedModel,
    prepare,
)

SHAPES = ("labse", "e5", "minilm")


def cosines(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one.astype(np.float64) * other.astype(np.float64)).sum(axis=1)


@pytest.mark.parametrize("shape", [*SHAPES, "tanh-gelu"])
def test_the_direct_graph_equals_sentence_transformers(shape, checkpoints, torch_vectors, texts, tmp_path):
    folder = checkpoints(shape)
    artifact = prepare(str(folder), precision="fp32", method="direct", cache=tmp_path)
    got = Encoder(artifact).encode(texts)
    expected = torch_vectors(folder, texts)
    assert artifact.manifest.method == "direct"
    assert got.shape == expected.shape == (len(texts), 40 if shape == "labse" else 48)
    assert cosines(got, expected).min() >= 0.99999
    assert np.abs(got - expected).max() < 1e-5
    # Different texts must come out different, or the comparison above says nothing.
    assert np.abs(got @ got.T - np.eye(len(texts))).max() < 0.999


def test_no_matrix_product_lies_behind_the_layers_where_bfloat16_rounds_up_to_the_last_one(checkpoints, tmp_path):
    import onnx

    artifact = prepare(str(checkpoints("e5")), precision="fp32", method="direct", cache=tmp_path)
    nodes = onnx.load(artifact.graph, load_external_data=False).graph.node
    kinds = [node.op_type for node in nodes]
    last = max(place for place, kind in enumerate(kinds) if kind == "LayerNormalization")
    assert "MatMul" in kinds[:last]
    assert "MatMul" not in kinds[last:]


@pytest.mark.parametrize("shape", SHAPES)
def test_the_optimum_graph_equals_sentence_transformers(shape, checkpoints, torch_vectors, texts, tmp_path):
    folder = checkpoints(shape)
    artifact = prepare(str(folder), precision="fp32", method="optimum", cache=tmp_path)
    assert artifact.manifest.method == "optimum"
    assert artifact.manifest.contract.prefix == ("query: " if shape == "e5" else "")
    assert cosines(Encoder(artifact).encode(texts), torch_vectors(folder, texts)).min() >= 0.99999


def test_the_optimum_way_quantises_too(checkpoints, torch_vectors, texts, tmp_path, lenient):
    folder = checkpoints("minilm")
    artifact = prepare(str(folder), method="optimum", cache=tmp_path, settings=lenient)
    assert artifact.manifest.parity is not None
    assert cosines(Encoder(artifact).encode(texts), torch_vectors(folder, texts)).min() >= 0.99


@pytest.mark.parametrize("shape", SHAPES)
def test_int8_stays_near_sentence_transformers(shape, checkpoints, torch_vectors, texts, tmp_path, lenient):
    folder = checkpoints(shape)
    artifact = prepare(str(folder), cache=tmp_path, settings=lenient)
    assert cosines(Encoder(artifact).encode(texts), torch_vectors(folder, texts)).min() >= 0.99
    assert artifact.manifest.parity is not None
    assert artifact.manifest.parity.min_cosine < 1  # it was really quantised


def test_the_dense_layer_is_inside_the_graph(checkpoints, torch_vectors, texts, tmp_path):
    with_head = prepare(str(checkpoints("labse")), precision="fp32", cache=tmp_path)
    copy = shutil.copytree(checkpoints("labse"), tmp_path / "headless")
    modules = [m for m in json.loads((copy / "modules.json").read_text()) if not m["type"].endswith("Dense")]
    (copy / "modules.json").write_text(json.dumps(modules))
    without = prepare(str(copy), precision="fp32", cache=tmp_path)
    assert (with_head.dimension, without.dimension) == (40, 48)


@pytest.mark.parametrize("vintage", ["bert. prefix", "gamma and beta", "torch file", "shards"])
def test_every_vintage_of_checkpoint_gives_the_same_bytes(vintage, checkpoints, tmp_path):
    import torch
    from safetensors.numpy import load_file, save_file

    folder = checkpoints("labse")
    plain = prepare(str(folder), precision="fp32", cache=tmp_path / "plain")
    copy = shutil.copytree(folder, tmp_path / "copy")
    weights = load_file(folder / "model.safetensors")
    (copy / "model.safetensors").unlink()
    if vintage == "bert. prefix":
        save_file({f"bert.{name}": value for name, value in weights.items()}, copy / "model.safetensors")
    elif vintage == "gamma and beta":
        old = {
            n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v
            for n, v in weights.items()
        }
        save_file(old, copy / "model.safetensors")
    elif vintage == "torch file":
        torch.save({name: torch.from_numpy(value) for name, value in weights.items()}, copy / "pytorch_model.bin")
        head = load_file(folder / "2_Dense" / "model.safetensors")
        (copy / "2_Dense" / "model.safetensors").unlink()
        torch.save({n: torch.from_numpy(v) for n, v in head.items()}, copy / "2_Dense" / "pytorch_model.bin")
    else:
        names = sorted(weights)
        parts = {"model-00001-of-00002.safetensors": names[:9], "model-00002-of-00002.safetensors": names[9:]}
        for file, part in parts.items():
            save_file({name: weights[name] for name in part}, copy / file)
        index = {"weight_map": {name: file for file, part in parts.items() for name in part}}
        (copy / "model.safetensors.index.json").write_text(json.dumps(index))
    assert prepare(str(copy), precision="fp32", cache=tmp_path / "other").fingerprint == plain.fingerprint


def test_half_precision_checkpoints_are_read(checkpoints, torch_vectors, texts, tmp_path):
    import torch
    from safetensors.torch import load_file, save_file

    copy = shutil.copytree(checkpoints("minilm"), tmp_path / "copy")
    weights = {name: value.to(torch.bfloat16) for name, value in load_file(copy / "model.safetensors").items()}
    save_file(weights, copy / "model.safetensors", metadata={"format": "pt"})
    got = Encoder(prepare(str(copy), precision="fp32", cache=tmp_path / "cache")).encode(texts)
    assert cosines(got, torch_vectors(checkpoints("minilm"), texts)).min() >= 0.999


def test_a_torch_file_that_wants_to_run_code_is_refused(checkpoints, tmp_path):
    import torch

    class Evil:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    copy = shutil.copytree(checkpoints("minilm"), tmp_path / "copy")
    (copy / "model.safetensors").unlink()
    torch.save({"embeddings.word_embeddings.weight": Evil()}, copy / "pytorch_model.bin")
    with pytest.raises(CheckpointInvalid, match="plain torch weight file"):
        prepare(str(copy), cache=tmp_path / "cache")
    assert not (tmp_path / "owned").exists()


@pytest.mark.parametrize(
    ("file", "change", "error", "says"),
    [
        ("config.json", {"model_type": "roberta"}, UnsupportedModel, r"\[export\]"),
        ("config.json", {"hidden_act": "silu"}, UnsupportedModel, "silu"),
        ("config.json", {"position_embedding_type": "relative_key"}, UnsupportedModel, "relative_key"),
        ("1_Pooling/config.json", {"pooling_mode": "max"}, UnsupportedModel, "max"),
        ("config.json", {"vocab_size": 5}, CheckpointInvalid, "word_embeddings"),
        ("config.json", {"num_hidden_layers": 3}, CheckpointInvalid, "layer.2"),
        ("2_Dense/config.json", {"in_features": 7}, CheckpointInvalid, "takes 7"),
    ],
)
def test_what_the_writer_cannot_write_is_refused_by_name(file, change, error, says, checkpoints, tmp_path):
    copy = shutil.copytree(checkpoints("labse"), tmp_path / "copy")
    content = json.loads((copy / file).read_text())
    if "pooling_mode" in change:
        content = {key: value for key, value in content.items() if not key.startswith("pooling_mode")}
    (copy / file).write_text(json.dumps(content | change))
    with pytest.raises(error, match=says):
        prepare(str(copy), method="direct", cache=tmp_path / "cache")
    assert [p.name for p in (tmp_path / "cache").iterdir() if not p.name.startswith(".lock")] == []


def test_auto_leaves_to_optimum_what_the_writer_does_not_know(checkpoints, torch_vectors, texts, tmp_path):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules as models

    folder = tmp_path / "max"
    transformer = models.Transformer(str(checkpoints("minilm")), max_seq_length=48)
    SentenceTransformer(modules=[transformer, models.Pooling(48, "max")], device="cpu").save(str(folder))
    artifact = prepare(str(folder), precision="fp32", cache=tmp_path / "cache")
    expected = torch_vectors(folder, texts)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    assert artifact.manifest.method == "optimum"
    assert cosines(Encoder(artifact).encode(texts), expected).min() >= 0.99999


def test_a_graph_under_the_floor_is_refused_and_nothing_stored(checkpoints, tmp_path):
    settings = BuildSettings(floor=ParityFloor(min_mean_cosine=1.1))
    with pytest.raises(ParityTooLow, match=r"floor 1\.1"):
        prepare(str(checkpoints("labse")), cache=tmp_path, settings=settings)
    assert [p for p in tmp_path.iterdir() if not p.name.startswith(".lock")] == []


@pytest.mark.parametrize("inputs", [1, 2, 7, 64])
def test_no_two_int8_products_overflow_16_bits(inputs):
    from dedup_accelerate._linear import quantise_columns

    weight = np.random.default_rng(inputs).standard_t(2, (inputs, 50)).astype(np.float32)
    weight[:, 0] = 1  # the worst: all of one sign and all as large as they come
    weight[:, 1] = 0
    values, scales = quantise_columns(weight)
    assert (np.abs(values * scales - weight) <= scales / 2 + 1e-6).all()
    padded = np.zeros((inputs + inputs % 2, 50), np.int64)
    padded[:inputs] = values
    pairs = padded.reshape(-1, 2, 50)
    # The instruction multiplies by 0 to 255 and adds two neighbours in int16.
    assert 255 * pairs.clip(min=0).sum(axis=1).max() < 2**15
    assert 255 * pairs.clip(max=0).sum(axis=1).min() >= -(2**15)
    assert np.abs(values).max() > 60
