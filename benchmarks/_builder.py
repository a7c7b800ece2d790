"""Builds what encoders run, in a process of its own, telling each stage as it begins; `_workers.build` weighs it.

python benchmarks/_builder.py '{"what": "ours", "model": "e5-small", "cache": "...", "profile": "int8", ...}'
python benchmarks/_builder.py '{"what": "export", "folder": "...", "target": "...", "levels": ["O3"]}'
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Stage = Callable[[str], None]


def _ours(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """The artifact of one of our profiles."""
    from _profiles import prepare_profile

    artifact = prepare_profile(job, lambda name, _done, _total: stage(name))
    return {"path": str(artifact.path), "bytes": sum(p.stat().st_size for p in artifact.path.iterdir())}


def _export(job: dict[str, Any], stage: Stage) -> dict[str, Any]:
    """sentence-transformers' own ONNX exports, as its documentation tells, saved as a model folder `target`."""
    stage("import")
    from sentence_transformers import (
        SentenceTransformer,
        export_dynamic_quantized_onnx_model,
        export_optimized_onnx_model,
    )

    target = Path(job["target"])
    stage("export")
    model = SentenceTransformer(job["folder"], device="cpu", backend="onnx", model_kwargs={"export": True})
    stage("save")
    model.save_pretrained(str(target))
    for name in job["configurations"]:
        stage(f"quantise {name}")
        export_dynamic_quantized_onnx_model(model, name, str(target))
    for level in job["levels"]:
        stage(f"optimise {level}")
        export_optimized_onnx_model(model, level, str(target))
    return {"path": str(target)}


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
