"""The seam between an artifact and what runs its graph; `open_engine` picks the implementation that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from ._profiles import Arithmetic, EngineName, Precision, Provider

Vectors = NDArray[np.float32]
Ids = NDArray[np.int64]


class Engine(Protocol):
    """One graph, ready to run; any number of threads may call `run` at once."""

    @property
    def provider(self) -> str:
        """What really computes, as the engine itself reports it, e.g. "CPUExecutionProvider"."""
        ...

    def run(self, ids: Ids, mask: Ids) -> Vectors:
        """Embeddings (texts, dimension) of padded token ids and their mask, both (texts, tokens).

        Float32, and of unit length as far as the graph ends in the normalisation: the caller sees to that.
        """
        ...


def open_engine(
    graph: Path,
    *,
    engine: EngineName = "onnxruntime",
    precision: Precision = "fp32",
    arithmetic: Arithmetic = "fp32",
    provider: Provider = "cpu",
    threads: int = 0,
    streams: int = 1,
    longest: int = 0,
) -> Engine:
    """Load a graph. precision, arithmetic: see Profile. threads: of one `run` on a CPU, 0 for one per core.

    streams: how many runs are meant to be under way at once. OpenVINO lets more of them wait for one another;
    onnxruntime has no such limit. longest: tokens that the model has positions for, so that no engine pads beyond
    them; 0 where nobody knows.

    Raises ProviderUnavailable where the wheel or the hardware cannot do what is asked, ProviderFallback where the
    engine would do something else in silence.
    """
    if threads < 0:
        raise ValueError(f"threads must not be negative, got {threads}")
    if engine == "openvino":
        from ._openvino import OpenVino

        return OpenVino(
            graph, precision=precision, arithmetic=arithmetic, provider=provider, threads=threads, streams=streams
        )
    if provider == "cuda":
        from ._cuda import open_cuda

        return open_cuda(graph, threads, longest)
    from ._session import OnnxRuntime

    return OnnxRuntime(graph, provider=provider, threads=threads)
