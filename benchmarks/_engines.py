"""Every encoder that is compared: how it is loaded from a checkpoint's folder, with its own defaults, and called.

A worker process imports this in the environment of its encoder, so only the standard library and numpy at the top.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Encode = Callable[[list[str]], np.ndarray]
#: sentence-transformers' ONNX exports: the variant it is asked for, and the file name it gives below `<folder>/onnx`.
EXPORTS = {
    "st-onnx": ("fp32", "model.onnx"),
    "st-onnx-o3": ("O3", "model_O3.onnx"),
    "st-onnx-int8": ("avx512_vnni", "model_qint8_avx512_vnni.onnx"),
    "st-onnx-int8-avx2": ("avx2", "model_quint8_avx2.onnx"),
}


@dataclass(frozen=True)
class Engine:
    """One row of the results.

    name: stable key. family: whose work it is, for the chart's colours. loader: key of LOADERS. environment: "bench",
    or "infinity", which needs older versions of everything. options: what the loader is given beside the folder.
    """

    name: str
    title: str
    family: str
    loader: str
    environment: str = "bench"
    options: Mapping[str, Any] = field(default_factory=dict)


def cpu_flags() -> frozenset[str]:
    """Features that /proc/cpuinfo lists, e.g. "avx512_vnni"; empty where it does not exist."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line for line in lines if line.startswith("flags")), "").split())


def rivals() -> tuple[Engine, ...]:
    """What others offer for the same checkpoint on this CPU, the reference first."""
    flags = cpu_flags()
    st = "sentence-transformers"
    found = [Engine("st-torch", f"{st}, torch fp32", st, "st-torch")]
    if flags & {"avx512_bf16", "amx_bf16"}:  # elsewhere bf16 is emulated, and slower than fp32
        found.append(Engine("st-torch-bf16", f"{st}, torch bf16 autocast", st, "st-torch", options={"bf16": True}))
    found.append(Engine("st-onnx", f"{st}, ONNX", st, "st-onnx"))
    found.append(Engine("st-onnx-o3", f"{st}, ONNX O3", st, "st-onnx"))
    found.append(Engine("st-onnx-int8", f"{st}, ONNX int8 (avx512_vnni)", st, "st-onnx"))
    if not flags & {"avx512_vnni", "avx_vnni"}:
        found.append(Engine("st-onnx-int8-avx2", f"{st}, ONNX int8 (avx2)", st, "st-onnx"))
    found.append(Engine("fastembed", "fastembed, ONNX", "fastembed", "fastembed"))
    for kind, title in (("torch", "torch"), ("optimum", "ONNX")):
        found.append(
            Engine(f"infinity-{kind}", f"Infinity, {title}", "infinity", "infinity", "infinity", {"engine": kind})
        )
    return tuple(found)


def _st_torch(folder: Path, options: Mapping[str, Any]) -> Encode:
    import torch
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(folder), device="cpu")

    def encode(texts: list[str]) -> np.ndarray:
        with torch.autocast("cpu", torch.bfloat16, enabled=bool(options.get("bf16"))):
            vectors = model.encode(texts, show_progress_bar=False, convert_to_tensor=bool(options.get("bf16")))
        return vectors.float().numpy() if options.get("bf16") else vectors

    return encode


def _st_onnx(folder: Path, options: Mapping[str, Any]) -> Encode:
    from sentence_transformers import SentenceTransformer

    files = {"file_name": f"onnx/{EXPORTS[options['engine']][1]}", "provider": "CPUExecutionProvider"}
    model = SentenceTransformer(str(folder), device="cpu", backend="onnx", model_kwargs=files)
    return lambda texts: model.encode(texts, show_progress_bar=False)


def _fastembed(folder: Path, options: Mapping[str, Any]) -> Encode:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    TextEmbedding.add_custom_model(
        model="bench/checkpoint",
        pooling={"mean": PoolingType.MEAN, "cls": PoolingType.CLS}[options["pooling"]],
        normalization=True,
        sources=ModelSource(hf="bench/checkpoint"),
        dim=int(options["hidden"]),
        model_file="onnx/model.onnx",
    )
    model = TextEmbedding("bench/checkpoint", specific_model_path=str(folder))
    return lambda texts: np.stack(list(model.embed(texts)))


def _infinity(folder: Path, options: Mapping[str, Any]) -> Encode:
    os.environ["HF_HUB_CACHE"] = str(folder.parent / "infinity-optimised")  # it keeps the graphs that it optimises
    from infinity_emb import AsyncEmbeddingEngine, EngineArgs
    from infinity_emb.primitives import PoolingMethod

    # Its ONNX engine finds the graph of a local folder only from within the folder.
    os.chdir(folder)
    arguments = EngineArgs(
        model_name_or_path=".",
        engine=options["engine"],
        device="cpu",
        model_warmup=False,
        bettertransformer=False,  # PyTorch classes that torch 2.13 no longer has
        pooling_method=PoolingMethod[options["pooling"]],
        onnx_disable_optimize=int(options["hidden"]) > 512,  # takes 13 GB with LaBSE
    )
    loop = asyncio.new_event_loop()
    engine = AsyncEmbeddingEngine.from_args(arguments)
    loop.run_until_complete(engine.astart())

    def encode(texts: list[str]) -> np.ndarray:
        vectors, _ = loop.run_until_complete(engine.embed(sentences=texts))
        return np.stack(vectors)

    return encode


def _ours(folder: Path, options: Mapping[str, Any]) -> Encode:
    from dedup_accelerate import Encoder, load_artifact

    return Encoder(load_artifact(Path(options["artifact"]))).encode


LOADERS: Mapping[str, Callable[[Path, Mapping[str, Any]], Encode]] = {
    "st-torch": _st_torch,
    "st-onnx": _st_onnx,
    "fastembed": _fastembed,
    "infinity": _infinity,
    "ours": _ours,
}
