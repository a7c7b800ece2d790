"""The product `x @ w` in the graph: float32, or int8 weights with activations quantised row by row as they come.

onnxruntime's own dynamic quantisation takes one scale for a whole batch, so that one loud token decides how coarse
every other token becomes. Here each row (token) is first stretched to ±127 by a scale of its own and the product is
shrunk back by it: on e5-small the largest shift of a pairwise cosine over 256 news leads falls from 0.022 to 0.008, and
a text's vector no longer depends on what else is in its batch.

OpenVINO multiplies faster what is rounded by a scale that was fixed beforehand ("int8-fixed"), measured as in
`measure_scales`.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ._graphfile import MICROSOFT, GraphFile
from ._tensors import Floats

#: How the weights of the encoder are stored and multiplied; the heads behind the pooling stay float32. "int8" rounds
#: the activations row by row, with onnxruntime's operators; "int8-fixed" by scales that are known when it is written.
Weights = Literal["fp32", "fp16", "int8", "int8-fixed"]


def quantise_columns(weight: Floats, *, paired: bool = True) -> tuple[NDArray[np.int8], Floats]:
    """Symmetric int8, one scale per output column: `weight (inputs, outputs) ≈ values * scales`.

    paired: for every CPU. One without VNNI adds the products of two neighbouring inputs in 16 bits, and cuts off what
    does not fit. So two neighbours of one sign share the range: 255 * (|a| + |b|) stays below 2^15, and every CPU gives
    the same numbers.
    """
    inputs, outputs = weight.shape
    if paired:
        pairs = np.zeros((inputs + inputs % 2, outputs), np.float32)
        pairs[:inputs] = weight
        pairs = pairs.reshape(-1, 2, outputs)
        scales = np.maximum(pairs.clip(min=0).sum(axis=1), -pairs.clip(max=0).sum(axis=1)).max(axis=0) / 127
    else:
        scales = np.abs(weight).max(axis=0) / 127
    scales[scales == 0] = 1
    return np.rint(weight / scales).astype(np.int8), scales


class Linear:
    """Writes products of one kind of weights; the bias is left to the node that follows, which adds it for free."""

    def __init__(self, graph: GraphFile, *, kind: Weights) -> None:
        self._graph = graph
        self._kind = kind

    def __call__(self, name: str, tensor: str, weight: Floats, largest: float | None = None) -> str:
        """Add `tensor (…, inputs) @ weight (inputs, outputs)`; returns the product's name.

        largest: magnitude up to which a fixed scale keeps the tensor's values; without it no fixed scale rounds them.
        """
        graph = self._graph
        if self._kind == "int8-fixed" and largest is not None:
            return self._fixed(name, tensor, quantise_columns(weight, paired=False), np.int8, largest / 127)
        if self._kind != "int8":
            dtype = np.float16 if self._kind == "fp16" else np.float32
            graph.weight(f"{name}.weight", dtype, weight.shape, [weight])
            return graph.node("MatMul", [tensor, f"{name}.weight"], name)
        # Per row: stretch = 127 / largest magnitude, so that the row fills the range of int8 (kept as uint8 around 128,
        # which is what the VNNI instructions take).
        graph.node("Abs", [tensor], f"{name}.magnitude")
        return self._integer(name, tensor, f"{name}.magnitude", quantise_columns(weight), steps=127, middle=128)

    def _fixed(
        self, name: str, tensor: str, weight: tuple[NDArray[np.int8], Floats], kind: type[np.integer[Any]], step: float
    ) -> str:
        """As QDQ, the form that every engine reads: rounded, and at once written as the float that it stands for."""
        graph = self._graph
        self._store(name, *weight)
        grid = [
            graph.constant(f"{name}.step", step or 1, np.float32),
            graph.constant(f"zero_{kind.__name__}", 0, kind),
        ]
        graph.node("QuantizeLinear", [tensor, *grid], f"{name}.rounded")
        graph.node("DequantizeLinear", [f"{name}.rounded", *grid], f"{name}.input")
        graph.node("DequantizeLinear", [f"{name}.weight", f"{name}.scale"], f"{name}.whole", axis=1)
        return graph.node("MatMul", [f"{name}.input", f"{name}.whole"], name)

    def _store(self, name: str, values: NDArray[np.int8], scales: Floats) -> None:
        self._graph.weight(f"{name}.weight", np.int8, values.shape, [values])
        self._graph.weight(f"{name}.scale", np.float32, scales.shape, [scales])

    def above(
        self, name: str, tensor: str, weight: Floats, least: float, largest: float | None = None
    ) -> tuple[str, Floats]:
        """The product of a tensor that is never below `least`, and what belongs into its bias.

        In int8 the tensor is counted from there up, in 255 steps: what GELU gives is hardly below 0 but far above, and
        half of the steps of the symmetric way would be left unused.
        """
        graph = self._graph
        step = (largest - least) / 255 if self._kind == "int8-fixed" and largest is not None else None
        if self._kind != "int8" and step is None:
            return self(name, tensor, weight), np.zeros(weight.shape[1], np.float32)
        values, scales = quantise_columns(weight, paired=step is None)
        if least:
            tensor = graph.node("Sub", [tensor, graph.constant("least", least, np.float32)], f"{name}.raised")
        if step is None:
            product = self._integer(name, tensor, tensor, (values, scales), steps=255, middle=0)
        else:
            product = self._fixed(name, tensor, (values, scales), np.uint8, step)
        return product, np.float32(least) * values.sum(axis=0, dtype=np.int32) * scales

    def _integer(
        self,
        name: str,
        tensor: str,
        magnitude: str,
        weight: tuple[NDArray[np.int8], Floats],
        *,
        steps: int,
        middle: int,
    ) -> str:
        graph = self._graph
        self._store(name, *weight)
        one, zero = graph.constant("unit_scale", 1, np.float32), graph.constant(f"uint8_{middle}", middle, np.uint8)
        graph.node("ReduceMax", [magnitude], f"{name}.largest", axes=[-1], keepdims=1)
        floor = graph.constant("smallest", 1e-9, np.float32)
        graph.node("Max", [f"{name}.largest", floor], f"{name}.range")
        step = graph.constant(f"step_{steps}", 1 / steps, np.float32)
        graph.node("Mul", [f"{name}.range", step], f"{name}.shrink")
        graph.node("Reciprocal", [f"{name}.shrink"], f"{name}.stretch")
        graph.node("Mul", [tensor, f"{name}.stretch"], f"{name}.stretched")
        graph.node("QuantizeLinear", [f"{name}.stretched", one, zero], f"{name}.rounded")
        inputs = [f"{name}.rounded", f"{name}.weight", one, f"{name}.scale", zero]
        graph.node("MatMulIntegerToFloat", inputs, f"{name}.product", domain=MICROSOFT)
        return graph.node("Mul", [f"{name}.product", f"{name}.shrink"], name)
