"""A linear layer `x @ w + b` in the graph: float32, or int8 weights with activations quantised on the fly."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ._graphfile import MICROSOFT, GraphFile
from ._tensors import Floats


def quantise_columns(weight: Floats) -> tuple[NDArray[np.int8], Floats]:
    """Symmetric int8, one scale per output column: `weight ≈ values * scales`."""
    scales = np.abs(weight).max(axis=0) / 127
    scales[scales == 0] = 1
    return np.rint(weight / scales).astype(np.int8), scales


class Linear:
    """Writes linear layers of one precision."""

    def __init__(self, graph: GraphFile, *, int8: bool) -> None:
        self._graph = graph
        self._int8 = int8

    def __call__(self, name: str, tensor: str, weight: Floats, bias: Floats) -> str:
        graph = self._graph
        graph.weight(f"{name}.bias", np.float32, bias.shape, [bias])
        if not self._int8:
            graph.weight(f"{name}.weight", np.float32, weight.shape, [weight])
            product = graph.node("MatMul", [tensor, f"{name}.weight"], f"{name}.product")
            return graph.node("Add", [product, f"{name}.bias"], name)
        values, scales = quantise_columns(weight)
        graph.weight(f"{name}.weight", np.int8, values.shape, [values])
        graph.weight(f"{name}.scale", np.float32, scales.shape, [scales])
        inputs = [tensor, f"{name}.weight", f"{name}.scale", "", f"{name}.bias"]
        return graph.node("DynamicQuantizeMatMul", inputs, name, domain=MICROSOFT)
