"""The machine a benchmark ran on: its name, the versions that matter, and what its cores can multiply at most.

python benchmarks/_machine.py            # prints and keeps nothing
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

#: Rows, width and number of the products that are chained: large enough that memory is no limit, 0.1 s in fp32.
ROWS, WIDTH, LAYERS = 1024, 2048, 4
PRECISIONS = ("fp32", "bf16", "int8")
WHEELS = (
    "news-dedup",
    "openvino",
    "onnxruntime",
    "onnx",
    "tokenizers",
    "numpy",
    "sentence-transformers",
    "torch",
    "transformers",
    "optimum",
    "optimum-onnx",
    "fastembed",
)


def cpu_model() -> str:
    """The processor's own name, e.g. "AMD EPYC 9354 32-Core Processor"."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return found[1].strip() if found else platform.processor() or platform.machine()


def usable_cores() -> int:
    """Cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def versions(wheels: tuple[str, ...] = WHEELS) -> dict[str, str]:
    """Installed distributions of `wheels` and their versions; what is not installed is left out."""
    found = {"python": platform.python_version()}
    for name in wheels:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _product_chain(precision: str) -> Any:
    """LAYERS products `x @ w`, each rounded to int8 before the next where int8 is measured: nothing but GEMM."""
    from openvino import Model
    from openvino import opset13 as op

    generator = np.random.default_rng(1)
    parameter = op.parameter([ROWS, WIDTH], np.float32, name="x")
    node = parameter
    for _ in range(LAYERS):
        if precision == "int8":
            node = op.fake_quantize(node, np.float32(-1.28), np.float32(1.27), np.float32(-1.28), np.float32(1.27), 256)
            values = generator.integers(-127, 128, (WIDTH, WIDTH), dtype=np.int8)
            scales = np.full((WIDTH, 1), 1e-3, np.float32)
            weight = op.multiply(op.convert(op.constant(values), np.float32), op.constant(scales))
        else:
            weight = op.constant(generator.standard_normal((WIDTH, WIDTH), np.float32) / WIDTH**0.5)
        node = op.matmul(node, weight, transpose_a=False, transpose_b=True)
    return Model([node], [parameter], f"gemm_{precision}")


def gemm_peaks(threads: int = 0, seconds: float = 2.0) -> Mapping[str, float]:
    """Measured GOP/s (2 × multiplications) of large matrix products in fp32, bf16 and int8, by the best of many runs.

    The better one of OpenVINO (oneDNN) and onnxruntime (MLAS) counts: on a CPU without VNNI, oneDNN's int8 is slower
    than its fp32 (164 and 181 GOP/s on two cores of Zen 3) while MLAS's is not (335). `seconds` is spent on each
    precision of each. A precision the CPU does not compute in (bf16 without AVX512-BF16 or AMX) is left out.
    """
    peaks: dict[str, float] = {}
    for engine in (_openvino_products, _onnxruntime_products):
        for precision, work, run in engine(threads):
            run()
            best, end = float("inf"), time.monotonic() + seconds
            while time.monotonic() < end:
                begin = time.perf_counter()
                run()
                best = min(best, time.perf_counter() - begin)
            peaks[precision] = max(peaks.get(precision, 0.0), round(work / best / 1e9, 1))
    return peaks


def _openvino_products(threads: int) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """(precision, operations, call) of what OpenVINO computes in here; nothing where it is not installed."""
    try:
        from openvino import Core
    except ImportError:
        return
    core = Core()
    capable = set(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))
    x = np.random.default_rng(2).standard_normal((ROWS, WIDTH), np.float32)
    for precision in PRECISIONS:
        if precision.upper() not in capable:
            continue
        hint = "bf16" if precision == "bf16" else "f32"
        settings = {"INFERENCE_PRECISION_HINT": hint, "PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = str(threads)
        request = core.compile_model(_product_chain(precision), "CPU", settings).create_infer_request()
        yield precision, 2 * ROWS * WIDTH * WIDTH * LAYERS, partial(request.infer, [x])


def _onnxruntime_products(threads: int) -> Iterator[tuple[str, int, Callable[[], Any]]]:
    """The same for onnxruntime, one product each: fp32, and unsigned by signed int8 as dynamic quantisation uses it."""
    import onnxruntime
    from onnx import TensorProto, helper, numpy_helper

    generator = np.random.default_rng(3)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    cases = {
        "fp32": ("MatMul", TensorProto.FLOAT, TensorProto.FLOAT, np.float32),
        "int8": ("MatMulInteger", TensorProto.UINT8, TensorProto.INT32, np.int8),
    }
    for precision, (operation, kind, result, weight) in cases.items():
        w = numpy_helper.from_array(generator.integers(-127, 128, (WIDTH, WIDTH)).astype(weight), "w")
        graph = helper.make_graph(
            [helper.make_node(operation, ["x", "w"], ["y"])],
            precision,
            [helper.make_tensor_value_info("x", kind, [ROWS, WIDTH])],
            [helper.make_tensor_value_info("y", result, [ROWS, WIDTH])],
            [w],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
        x = generator.integers(0, 128, (ROWS, WIDTH)).astype(np.float32 if precision == "fp32" else np.uint8)
        yield precision, 2 * ROWS * WIDTH * WIDTH, partial(session.run, ["y"], {"x": x})


def describe(peaks: Mapping[str, float] | None = None) -> dict[str, Any]:
    """What every result file says about its machine."""
    found: dict[str, Any] = {"cpu": cpu_model(), "cores": usable_cores(), "versions": versions()}
    if peaks:
        found["gemm_peak_gops"] = dict(peaks)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(describe({**gemm_peaks()}), indent=1) + "\n")
