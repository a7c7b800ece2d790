"""Tiny checkpoints with random weights, made with the real libraries, and the one real model that needs no hub."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import dedup_accelerate as accelerate

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

WORDS = ("the bank kept left its rate price train team rain fire query passage", "Банк сохранил ставку поезд цена хлеб")
TEXTS = (
    "the bank kept its rate",
    "Банк сохранил ставку",
    "train",
    "the price left the rate of rain and fire, and the team kept its train: Банк сохранил ставку, цена, хлеб, поезд "
    * 3,
    "",
    "a b c d e f g",
)
#: Two layers of random weights amplify rounding more than a trained model does.
LENIENT = accelerate.BuildSettings(
    floor=accelerate.ParityFloor(min_mean_cosine=0.9, min_cosine=0.8, max_pairwise_shift=0.3)
)

Shapes = Callable[[str], Path]


def _save_encoder(folder: Path, *, lowercase: bool, activation: str) -> None:
    import torch
    from transformers import BertConfig, BertModel, BertTokenizerFast

    letters = [chr(c) for c in (*range(33, 127), *range(0x410, 0x450), 0x451)]
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        *letters,
        *(f"##{x}" for x in letters),
        *" ".join(WORDS).split(),
    ]
    folder.mkdir(parents=True)
    (folder / "vocab.txt").write_text("\n".join(dict.fromkeys(pieces)), encoding="utf-8")
    BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), do_lower_case=lowercase).save_pretrained(folder)
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(dict.fromkeys(pieces)),
        hidden_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
        hidden_act=activation,
        # Large enough that attention and the dense head do something visible.
        initializer_range=0.3,
    )
    BertModel(config).save_pretrained(folder)


def make_checkpoint(folder: Path, shape: str) -> Path:
    """A sentence-transformers folder shaped like LaBSE, e5 or MiniLM, but tiny."""
    import torch
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer import modules as models

    encoder = folder.with_name(f"{folder.name}-encoder")
    _save_encoder(encoder, lowercase=shape == "minilm", activation="gelu_new" if shape == "tanh-gelu" else "gelu")
    transformer = models.Transformer(str(encoder), max_seq_length=48)
    modules: list[Any] = [transformer, models.Pooling(48, "cls" if shape == "labse" else "mean")]
    if shape == "labse":
        dense = models.Dense(48, 40, activation_function=torch.nn.Tanh())
        torch.nn.init.normal_(dense.linear.bias, std=0.3)
        modules.append(dense)
    modules.append(models.Normalize())
    prompts = {"prompts": {"query": "query: "}, "default_prompt_name": "query"} if shape == "e5" else {}
    SentenceTransformer(modules=modules, device="cpu", **prompts).save(str(folder))
    return folder


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory) -> Shapes:
    """`checkpoints("labse")` is the folder of a tiny model of that shape, made once."""
    root = tmp_path_factory.mktemp("checkpoints")

    def make(shape: str) -> Path:
        return root / shape if (root / shape).exists() else make_checkpoint(root / shape, shape)

    return make


@pytest.fixture(scope="session")
def tiny(checkpoints: Shapes, tmp_path_factory: pytest.TempPathFactory) -> accelerate.Artifact:
    """An int8 artifact of the tiny LaBSE, for onnxruntime."""
    cache = tmp_path_factory.mktemp("tiny")
    profile = accelerate.PROFILES["cpu-int8"]
    return accelerate.prepare(str(checkpoints("labse")), profile=profile, cache=cache, settings=LENIENT)


@pytest.fixture(scope="session")
def plain(checkpoints: Shapes, tmp_path_factory: pytest.TempPathFactory) -> accelerate.Artifact:
    """An fp32 artifact of the tiny LaBSE."""
    return accelerate.prepare(str(checkpoints("labse")), precision="fp32", cache=tmp_path_factory.mktemp("plain"))


@pytest.fixture(scope="session")
def e5_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """$DEDUP_CACHE, so that a whole run of all rooms prepares the model once; a temporary folder without it."""
    return accelerate.default_cache() if os.environ.get("DEDUP_CACHE") else tmp_path_factory.mktemp("e5")


@pytest.fixture(scope="session")
def e5(e5_cache: Path) -> accelerate.Encoder:
    """The real e5-small in int8."""
    return accelerate.Encoder(accelerate.prepare("e5-small", cache=e5_cache))


@pytest.fixture(scope="session")
def torch_vectors() -> Callable[[Path, Sequence[str]], np.ndarray]:
    """What sentence-transformers itself makes of a folder and texts."""

    def encode(folder: Path, texts: Sequence[str]) -> np.ndarray:
        from sentence_transformers import SentenceTransformer

        return np.asarray(SentenceTransformer(str(folder), device="cpu").encode(list(texts)), np.float32)

    return encode


@pytest.fixture(scope="session")
def texts() -> tuple[str, ...]:
    """Short, long (cut by the limit), empty, Russian and unknown words: one padded batch."""
    return TEXTS


@pytest.fixture(scope="session")
def lenient() -> accelerate.BuildSettings:
    """Settings with a parity floor fit for random weights."""
    return LENIENT
