"""Builds what encoders run, in a process of its own, telling each stage as it begins; `_workers.build` weighs it.

python benchmarks/_builder.py '{"what": "ours", "model": "e5-small", "cache": "...", "profile": "int8", ...}'
python benchmarks/_builder.py '{"what": "export", "folder": "...", "target": "...", "variant": "fp32"}'
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

Stage = Callable[[str], None]


def _ours(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The artifact of one of our profiles."""
    from _profiles import prepare_profile

    artifact = prepare_profile(job, lambda name, _done, _total: stage(name))
    return {"path": str(artifact.path), "bytes": sum(p.stat().st_size for p in artifact.path.iterdir())}


def _export(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """One of sentence-transformers' own ONNX files, made as its documentation tells, into the model folder `target`.

    variant: "fp32" exports the checkpoint `folder`; an int8 configuration or an optimisation level then reads `target`.
    """
    stage("import")
    from sentence_transformers import (
        SentenceTransformer,
        export_dynamic_quantized_onnx_model,
        export_optimized_onnx_model,
    )

    target, variant = job["target"], job["variant"]
    if variant == "fp32":
        stage("export")
        model = SentenceTransformer(job["folder"], device="cpu", backend="onnx", model_kwargs={"export": True})
        stage("save")
        model.save_pretrained(target)
    else:
        stage("load")
        files = {"file_name": "onnx/model.onnx", "provider": "CPUExecutionProvider"}
        model = SentenceTransformer(target, device="cpu", backend="onnx", model_kwargs=files)
        stage(variant)
        write = export_optimized_onnx_model if variant.startswith("O") else export_dynamic_quantized_onnx_model
        write(model, variant, target)
    return {"path": target}


def main() -> None:
    job = json.loads(sys.argv[1])
    last = [""]

    def stage(name: str) -> None:
        if name != last[0]:
            last[0] = name
            print(json.dumps({"stage": name, "at": time.monotonic()}), flush=True)

    stage("start")
    result = {"ours": _ours, "export": _export}[job["what"]](job, stage)
    print(json.dumps({"done": result, "at": time.monotonic()}), flush=True)


if __name__ == "__main__":
    main()
