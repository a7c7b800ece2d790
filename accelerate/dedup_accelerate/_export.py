"""The optimum way (`[export]`): any architecture, through torch, in a process of its own.

The child process keeps torch (and its memory peak) out of the caller, and is the only place that imports it.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

from ._errors import AccelerateError, ExportUnavailable
from ._graphfile import GRAPH_NAME, WEIGHTS_NAME


def available() -> bool:
    """Whether the `[export]` extra is installed."""
    return all(importlib.util.find_spec(name) for name in ("optimum", "sentence_transformers", "torch"))


def export(folder: Path, target: Path) -> Path:
    """Write `target/model.onnx` from a sentence-transformers folder; returns the graph's path.

    Raises ExportUnavailable without the extra, AccelerateError with the exporter's last words when it fails.
    """
    if not available():
        raise ExportUnavailable("method 'optimum' needs torch and optimum: pip install 'news-dedup[export]'")
    target.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", f"{__package__}._export", str(folder.resolve()), str(target.resolve())]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    if finished.returncode != 0:
        words = " ".join(finished.stderr.strip().splitlines()[-3:])
        raise AccelerateError(f"optimum could not export {folder}: {words or f'exit {finished.returncode}'}")
    return target / GRAPH_NAME


def quantise(graph: Path, target: Path) -> Path:
    """Dynamic int8 per channel of an exported graph; returns `target/model.onnx`."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    target.mkdir(parents=True, exist_ok=True)
    quantize_dynamic(
        graph,
        target / GRAPH_NAME,
        per_channel=True,
        weight_type=QuantType.QInt8,
        # Seven bits: a CPU without VNNI adds two products in 16 bits, and cuts off what eight bits give (_linear.py).
        reduce_range=True,
        # A graph without full shape information would otherwise stop the quantiser; every unknown tensor is float here.
        extra_options={"DefaultTensorType": onnx.TensorProto.FLOAT, "MatMulConstBOnly": True},
    )
    return relocate(target / GRAPH_NAME, target)


def relocate(graph: Path, target: Path) -> Path:
    """Write an exported graph with all its weights in one file beside it, as every artifact has them."""
    import onnx

    model = onnx.load(graph)
    target.mkdir(parents=True, exist_ok=True)
    path = target / GRAPH_NAME
    path.unlink(missing_ok=True)
    (target / WEIGHTS_NAME).unlink(missing_ok=True)
    onnx.save(model, path, save_as_external_data=True, all_tensors_to_one_file=True, location=WEIGHTS_NAME)
    return path


def _main(folder: str, target: str) -> None:
    from optimum.exporters.onnx import main_export

    main_export(
        folder,
        output=target,
        task="feature-extraction",
        library_name="sentence_transformers",
        do_validation=False,
        local_files_only=True,
    )


if __name__ == "__main__":
    _main(*sys.argv[1:])
