"""An onnxruntime session on the provider that was asked for, or an error; never another one in silence."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ._errors import ProviderFallback, ProviderUnavailable

if TYPE_CHECKING:
    from ._engine import Ids, Vectors
    from ._profiles import Provider

_NAMES = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
}
#: Without the first, products of fp32 are rounded to 10 bits (TF32) from Ampere on: another arithmetic than is said.
_OPTIONS: Mapping[str, Mapping[str, str]] = {"cpu": {}, "cuda": {"use_tf32": "0"}, "tensorrt": {"trt_fp16_enable": "1"}}


class OnnxRuntime:
    """An onnxruntime session as an engine; onnxruntime itself lets any number of threads run it."""

    def __init__(self, graph: Path, *, provider: Provider, threads: int) -> None:
        self._session: Any = open_session(graph, provider, threads)
        self._types = any(item.name == "token_type_ids" for item in self._session.get_inputs())

    @property
    def provider(self) -> str:
        return str(self._session.get_providers()[0])

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        feed = {"input_ids": ids, "attention_mask": mask}
        if self._types:
            feed["token_type_ids"] = np.zeros_like(ids)
        (vectors,) = self._session.run(["sentence_embedding"], feed)
        return np.asarray(vectors, np.float32)


def installed_wheels() -> tuple[str, ...]:
    """Which distributions of onnxruntime are installed here, e.g. `('onnxruntime 1.32.0',)`."""
    found = []
    for name in ("onnxruntime", "onnxruntime-gpu", "onnxruntime-openvino"):
        try:
            found.append(f"{name} {distribution(name).version}")
        except PackageNotFoundError:
            continue
    return tuple(found)


def refuse_two_wheels(wheels: tuple[str, ...]) -> None:
    """Raise ProviderUnavailable when two wheels wrote into the same package: the last one won, unpredictably."""
    if len(wheels) > 1:
        raise ProviderUnavailable(
            f"{' and '.join(wheels)} are installed together and overwrite each other's files. "
            "Uninstall all of them, then install the one you need."
        )


def open_session(
    graph: Path, provider: Provider, threads: int, provider_options: Mapping[str, str] | None = None
) -> Any:
    """An InferenceSession. `threads` 0 means one per physical core.

    Raises ProviderUnavailable or ProviderFallback.
    """
    if provider not in _NAMES:
        raise ValueError(f"provider must be one of {', '.join(_NAMES)}, not {provider!r}")
    if threads < 0:
        raise ValueError(f"threads must not be negative, got {threads}")
    if provider != "cpu":
        refuse_two_wheels(installed_wheels())
    import onnxruntime

    wanted = _NAMES[provider]
    available = onnxruntime.get_available_providers()
    if wanted not in available:
        raise ProviderUnavailable(
            f"provider {provider!r} was asked, onnxruntime {onnxruntime.__version__} here offers only "
            f"{', '.join(available)}. Replace onnxruntime by news-dedup[gpu] (Turing and later) or "
            "news-dedup[gpu-pascal] (GTX 10xx), or use provider='cpu'."
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    # Idle threads of onnxruntime spin for milliseconds by default. Beside one busy neighbour on 2 cores that costs half
    # of the throughput (9 documents/s instead of 20); 0.1 ms still covers the gaps between the nodes of a graph.
    options.add_session_config_entry("session.intra_op.spin_duration_us", "100")
    providers = [(wanted, {**_OPTIONS[provider], **(provider_options or {})})]
    if provider == "tensorrt":  # gives the nodes it does not know to CUDA
        providers.append((_NAMES["cuda"], dict(_OPTIONS["cuda"])))
    session = onnxruntime.InferenceSession(str(graph), options, providers=providers)
    check_provider(session.get_providers(), wanted)
    return session


def check_provider(active: list[str], wanted: str) -> None:
    """Raise ProviderFallback unless the session's first provider is the wanted one."""
    if not active or active[0] != wanted:
        raise ProviderFallback(
            f"{wanted} was asked, the session runs on {', '.join(active) or 'nothing'}: the driver, CUDA or cuDNN does "
            "not fit the wheel. `dedup doctor` prints the pins that fit, or use provider='cpu'."
        )
