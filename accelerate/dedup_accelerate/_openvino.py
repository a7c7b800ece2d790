"""OpenVINO on a CPU: the engine for bfloat16, which onnxruntime does not multiply there, and another one for int8.

In int8 its graph says how everything is rounded (`_linear`, "int8-fixed"), and nothing else is rounded on the way.
"""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np

from ._detection import Hardware, cpu_flags
from ._engine import Ids, Vectors
from ._errors import ProviderFallback, ProviderUnavailable
from ._profiles import Arithmetic, Precision, Provider

_HINTS = {"fp32": "f32", "bf16": "bf16"}


class OpenVino:
    """A compiled model of dynamic shape. Each thread that runs at the same time has an inference request of its own.

    threads: of one run, 0 for all cores. streams: runs at a time, each with threads of its own.

    Raises ProviderUnavailable without the package, on another device than the CPU, and for bf16 or int8 on a CPU that
    would compute it in fp32.
    """

    def __init__(
        self,
        graph: Path,
        *,
        precision: Precision,
        arithmetic: Arithmetic,
        provider: Provider,
        threads: int,
        streams: int = 1,
    ) -> None:
        if provider != "cpu" or arithmetic not in _HINTS:
            raise ProviderUnavailable(
                f"{graph} is built for openvino, which runs here on provider 'cpu' in fp32 or bf16, not on "
                f"{provider!r} in {arithmetic}. Prepare the model with a cuda profile to run it on a GPU."
            )
        try:
            import openvino
        except ImportError as error:
            raise ProviderUnavailable(
                f"{graph} is built for openvino, which cannot be imported ({error}). pip install "
                "'news-dedup[openvino]', or prepare the model with engine = 'onnxruntime'."
            ) from error
        core = openvino.Core()
        if arithmetic == "bf16" and "BF16" not in core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"):
            raise ProviderUnavailable(
                f"{graph} is built for bfloat16, which openvino does not compute on this CPU. Prepare the model with "
                "profile 'cpu-fp32' or 'cpu-int8' here."
            )
        if precision == "int8" and not Hardware(flags=cpu_flags()).vnni:
            raise ProviderUnavailable(
                f"{graph} is built for int8 in openvino, which takes AVX512-VNNI; this CPU has none. Prepare the model "
                "with engine 'onnxruntime' here."
            )
        hint = _HINTS[arithmetic]
        settings: dict[str, Any] = {
            "INFERENCE_PRECISION_HINT": hint,
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": 0,  # what the graph does not round stays as it is
        }
        settings |= {"NUM_STREAMS": streams} if streams > 1 else {"PERFORMANCE_HINT": "LATENCY"}
        if threads:
            settings["INFERENCE_NUM_THREADS"] = threads * streams
        self._model: Any = core.compile_model(str(graph), "CPU", settings)
        check_precision(self._model.get_property("INFERENCE_PRECISION_HINT").get_type_name(), hint)
        self._types = any("token_type_ids" in item.names for item in self._model.inputs)
        self._idle: list[Any] = []
        self._lock = threading.Lock()

    @property
    def provider(self) -> str:
        return f"OpenVINO {','.join(self._model.get_property('EXECUTION_DEVICES'))}"

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        feed = {"input_ids": ids, "attention_mask": mask}
        if self._types:
            feed["token_type_ids"] = np.zeros_like(ids)
        with self._lock:
            request = self._idle.pop() if self._idle else self._model.create_infer_request()
        try:
            request.infer(feed, share_inputs=True)
            return np.array(request.get_tensor("sentence_embedding").data, np.float32)
        finally:
            with self._lock:
                self._idle.append(request)


def check_precision(active: str, wanted: str) -> None:
    """Raise ProviderFallback unless the compiled model computes in the wanted precision."""
    if active != wanted:
        raise ProviderFallback(
            f"openvino was asked to compute in {wanted} and computes in {active}. Prepare the model with profile "
            "'cpu-fp32' here."
        )
