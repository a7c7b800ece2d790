"""The direct writer: weights of a BERT sentence encoder → one ONNX graph that ends in the unit-length embedding.

No torch, no transformers. The float32 and float16 graphs are ONNX opset 17 and nothing else, so any engine reads
them. The int8 graph adds two operators of onnxruntime, the integer product and Gelu with a bias. Its fused attention
and its fused add-and-normalise were tried and left out: on a CPU plain nodes gave 66 documents/s where those gave 57.

Shapes: `input_ids`, `attention_mask` int64 (batch, tokens) → `sentence_embedding` float32 (batch, dimension).
Token types are always 0, so their one row is added to the position table at build time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bertweights import BertWeights
from ._errors import CheckpointInvalid
from ._graphfile import MICROSOFT, GraphFile
from ._linear import Linear, Weights
from ._settings import Progress, silent
from ._smoothing import LayerScales, Smoothing, measure_scales
from ._stack import BertShape, DenseHead, Stack
from ._tensors import Floats, open_tensors, whole

#: Raised whenever the bytes of a build change, here or in `_export`: an artifact of another recipe is built anew.
RECIPE = 7
#: With one scale for all values of a tensor, more of what is uneven is given to the weights than where each row has its
#: own: of 0.5, 0.65, 0.75 and 0.85 the one with the smallest shift.
_POWER = 0.65
#: The least value that each activation can give; of the two kinds of GELU the lower one.
_LEAST = {"relu": 0.0, "gelu": -0.1701, "gelu_new": -0.1701, "gelu_pytorch_tanh": -0.1701}


def write_graph(
    stack: Stack,
    folder: Path,
    *,
    weights: Weights = "fp32",
    untrimmed: Stack | None = None,
    texts: Sequence[Sequence[int]] = (),
    chunk_bytes: int = 64 << 20,
    progress: Progress = silent,
) -> Path:
    """Write `model.onnx` and `model.onnx.data` into `folder`; returns the graph's path.

    untrimmed: the stack with its whole vocabulary, on which int8 measures its smoothing, so that a model with fewer
    pieces gives the same vectors. texts: ids, of that vocabulary, of what "int8-fixed" measures its scales on beside
    stretches of it. Peak memory is about 4 × `chunk_bytes` plus one layer (under 0.5 GB for LaBSE).
    Raises CheckpointInvalid when a tensor is missing or has the wrong shape.
    """
    tensors = _tensors_of(stack)
    steps = stack.shape.layers + 1
    progress("write", 0, steps)
    measured = untrimmed or stack
    scales: tuple[LayerScales, ...] = ()
    if weights == "int8":
        scales = tuple(measure_scales(_tensors_of(measured), measured.shape))
    elif weights == "int8-fixed":
        scales = tuple(measure_scales(_tensors_of(measured), measured.shape, texts, power=_POWER))
    with GraphFile(folder) as graph:
        encoder = _Encoder(graph, stack.shape, tensors, kind=weights, scales=scales, chunk_bytes=chunk_bytes)
        hidden = encoder.embeddings()
        for layer in range(stack.shape.layers):
            progress("write", layer + 1, steps)
            # Behind the last layer only the first token is read: its other rows need not be made (7 % of LaBSE).
            last = layer == stack.shape.layers - 1
            hidden = encoder.layer(layer, hidden, first_only=last and stack.pooling == "cls")
        if weights == "fp16":  # the sum over tokens and the length would overflow half precision
            hidden = graph.node("Cast", [hidden], "hidden_float", to=1)
        pooled = _pool(graph, stack.pooling, hidden, by_product=weights in ("int8", "fp16"))
        for number, head in enumerate(stack.heads):
            pooled = _head(graph, number, head, pooled)
        _normalise(graph, pooled)
        path = _finish(graph, stack)
    progress("write", steps, steps)
    return path


def _tensors_of(stack: Stack) -> BertWeights:
    return BertWeights(open_tensors(stack.encoder_folder), stack.shape)


class _Encoder:
    """Writes embeddings and layers into a graph.

    scales: of each layer or none; a layer's input and its middle are then smoothed states, see `Smoothing`, and where
    the scales are fixed what its attention mixes, too.
    """

    def __init__(
        self,
        graph: GraphFile,
        shape: BertShape,
        weights: BertWeights,
        *,
        kind: Weights,
        scales: Sequence[LayerScales],
        chunk_bytes: int,
    ) -> None:
        self._graph = graph
        self._shape = shape
        self._weights = weights
        self._kind = kind
        self._float: Any = np.float16 if kind == "fp16" else np.float32
        self._linear = Linear(graph, kind=kind)
        self._scales = scales
        self._chunk_bytes = chunk_bytes
        graph.node("Cast", ["attention_mask"], "mask", to=1)
        graph.node("Unsqueeze", ["mask", graph.constant("axes_1_2", [1, 2], np.int64)], "mask_4d")
        graph.node("Sub", [graph.constant("one", 1, np.float32), "mask_4d"], "masked_4d")
        lowest = graph.constant("lowest", float(np.finfo(self._float).min), np.float32)
        bias = graph.node("Mul", ["masked_4d", lowest], "attention_bias")
        self._bias = graph.node("Cast", [bias], "attention_bias_half", to=10) if kind == "fp16" else bias

    def embeddings(self) -> str:
        graph = self._graph
        words = self._word_table_int8() if self._kind.startswith("int8") else self._word_table()
        positions = self._weights.positions()
        graph.weight("positions", self._float, positions.shape, [positions])
        graph.node("Shape", ["input_ids"], "tokens", start=1, end=2)
        zero = graph.constant("axis_0", [0], np.int64)
        graph.node("Slice", ["positions", zero, "tokens", zero], "positions_used")
        graph.node("Add", [words, "positions_used"], "embeddings_sum")
        return self._norm("embeddings_sum", "embeddings.LayerNorm", "embeddings", self._read(0))

    def _word_table(self) -> str:
        size = (self._shape.vocabulary, self._shape.hidden)
        table = self._graph.weight("words", self._float, size, self._weights.words(self._chunk_bytes))
        return self._graph.node("Gather", [table, "input_ids"], "words_used", axis=0)

    def _word_table_int8(self) -> str:
        """One scale per piece: a row of the table is then off by at most 1/254 of its own largest value."""
        graph, (rows, hidden) = self._graph, (self._shape.vocabulary, self._shape.hidden)
        scales = np.empty((rows, 1), np.float32)

        def quantised() -> Iterator[NDArray[np.int8]]:
            done = 0
            for chunk in self._weights.words(self._chunk_bytes):
                scale = np.abs(chunk).max(axis=1, keepdims=True) / 127
                scale[scale == 0] = 1
                scales[done : done + len(chunk)] = scale
                done += len(chunk)
                yield np.rint(chunk / scale).astype(np.int8)

        graph.weight("words_int8", np.int8, (rows, hidden), quantised())
        graph.weight("words_scale", np.float32, (rows, 1), [scales])
        graph.node("Gather", ["words_int8", "input_ids"], "words_picked", axis=0)
        graph.node("Gather", ["words_scale", "input_ids"], "scales_picked", axis=0)
        graph.node("Cast", ["words_picked"], "words_float", to=1)
        return graph.node("Mul", ["words_float", "scales_picked"], "words_used")

    def layer(self, number: int, hidden: str, *, first_only: bool = False) -> str:
        """One transformer layer; `first_only`: its output holds the row of the first token only."""
        shape, weights = self._shape, self._weights
        source, name = f"encoder.layer.{number}", f"layer{number}"
        scales = self._scales[number] if self._scales else None
        fixed = scales if self._kind == "int8-fixed" else None
        before, between = (scales.read, scales.middle) if scales else (None, None)
        mixed = fixed.mixed if fixed else None
        parts = [
            weights.linear(f"{source}.attention.self.{part}", shape.hidden, shape.hidden)
            for part in ("query", "key", "value")
        ]
        parts[2] = _giving(mixed, *parts[2])  # shares add up to 1: what is done to each value is done to their mixture
        parts = [_reading(before, *part) for part in parts]
        source_names = [f"{name}.{part}" for part in ("query", "key", "value")]
        everything = hidden
        if first_only:
            graph = self._graph
            zero, one = graph.constant("axis_0", [0], np.int64), graph.constant("axes_1", [1], np.int64)
            hidden = graph.node("Slice", [hidden, zero, one, one], f"{name}.first")
            weight, bias = parts.pop(0)
            self._biased(source_names[0], self._linear(source_names[0], hidden, weight, _largest(before)), bias)
        # One product for all of them: the input is read, and in int8 rounded, once.
        weight, bias = (np.concatenate(values, axis=-1) for values in zip(*parts, strict=True))
        joined = self._biased(f"{name}.qkv", self._linear(f"{name}.qkv", everything, weight, _largest(before)), bias)
        sizes = self._graph.constant(f"sizes_{len(parts)}", [shape.hidden] * len(parts), np.int64)
        split = self._graph.split("Split", [joined, sizes], source_names[-len(parts) :], axis=-1)
        query = f"{source_names[0]}.biased" if first_only else split[0]
        context = self._attention(name, query, *split[-2:])
        weight, bias = weights.linear(f"{source}.attention.output.dense", shape.hidden, shape.hidden)
        weight, bias = _reading(mixed, weight, bias)
        product = self._linear(f"{name}.attended", context, weight, _largest(mixed))
        total = self._around(f"{name}.attended", product, bias, hidden, before)
        middle = self._norm(total, f"{source}.attention.output.LayerNorm", f"{name}.middle", between)
        weight, bias = weights.linear(f"{source}.intermediate.dense", shape.hidden, shape.intermediate)
        up = _reading(between, weight, bias)
        down, bias = weights.linear(f"{source}.output.dense", shape.intermediate, shape.hidden)
        if fixed:
            product, more = self._feed_forward(name, middle, up, down, fixed)
        else:
            wide = self._activate(f"{name}.wide", self._linear(f"{name}.up", middle, up[0]), up[1])
            product, more = self._linear.above(f"{name}.down", wide, down, _LEAST[shape.activation])
        total = self._around(f"{name}.down", product, bias + more, middle, between)
        return self._norm(total, f"{source}.output.LayerNorm", f"{name}.out", self._read(number + 1))

    def _feed_forward(
        self, name: str, middle: str, up: tuple[Floats, Floats], down: Floats, scales: LayerScales
    ) -> tuple[str, Floats]:
        """With fixed scales: the loud units in float, beside all others, of which the second product reads nothing."""
        wide = self._linear(f"{name}.up", middle, up[0], scales.middle.largest)
        wide = self._activate(f"{name}.wide", wide, up[1])
        loud, others = scales.loud, down.copy()
        others[loud] = 0
        least = _LEAST[self._shape.activation]
        product, more = self._linear.above(f"{name}.down", wide, others, least, scales.quiet)
        if len(loud):
            units = self._linear(f"{name}.loud_up", middle, up[0][:, loud])
            units = self._activate(f"{name}.loud", units, up[1][loud])
            aside = self._linear(f"{name}.loud_down", units, down[loud])
            product = self._graph.node("Add", [product, aside], f"{name}.all")
        return product, more

    def _read(self, layer: int) -> Smoothing | None:
        """How the state is smoothed that a layer's attention reads; what the last layer gives is not."""
        return self._scales[layer].read if layer < len(self._scales) else None

    def _around(self, name: str, product: str, bias: Floats, state: str, smoothing: Smoothing | None) -> str:
        """Product, bias and the state that went round the product, as it was before it was smoothed."""
        if smoothing is not None:
            scale = self._graph.weight(f"{name}.unscale", np.float32, smoothing.scale.shape, [smoothing.scale])
            state = self._graph.node("Mul", [state, scale], f"{name}.unscaled")
            bias = bias + smoothing.centre
        return self._graph.node("Add", [self._biased(name, product, bias), state], f"{name}.sum")

    def _scalar(self, name: str, value: float) -> str:
        return self._graph.constant(f"{name}_half" if self._float is np.float16 else name, value, self._float)

    def _biased(self, name: str, product: str, bias: Floats) -> str:
        vector = self._graph.weight(f"{name}.bias", self._float, bias.shape, [bias])
        return self._graph.node("Add", [product, vector], f"{name}.biased")

    def _attention(self, name: str, query: str, key: str, value: str) -> str:
        graph, heads = self._graph, self._shape.heads
        size = self._shape.hidden // heads
        split = graph.constant("heads_shape", [0, 0, heads, size], np.int64)
        order = {"query": [0, 2, 1, 3], "key": [0, 2, 3, 1], "value": [0, 2, 1, 3]}
        for part, tensor in (("query", query), ("key", key), ("value", value)):
            graph.node("Reshape", [tensor, split], f"{tensor}.heads")
            graph.node("Transpose", [f"{tensor}.heads"], f"{name}.{part}.t", perm=order[part])
        graph.node("MatMul", [f"{name}.query.t", f"{name}.key.t"], f"{name}.products")
        scale = self._scalar("attention_scale", size**-0.5)
        graph.node("Mul", [f"{name}.products", scale], f"{name}.scaled")
        graph.node("Add", [f"{name}.scaled", self._bias], f"{name}.masked")
        graph.node("Softmax", [f"{name}.masked"], f"{name}.shares", axis=-1)
        graph.node("MatMul", [f"{name}.shares", f"{name}.value.t"], f"{name}.mixed")
        graph.node("Transpose", [f"{name}.mixed"], f"{name}.mixed.t", perm=[0, 2, 1, 3])
        flat = graph.constant("flat_shape", [0, 0, self._shape.hidden], np.int64)
        return graph.node("Reshape", [f"{name}.mixed.t", flat], f"{name}.context")

    def _norm(self, tensor: str, source: str, output: str, smoothing: Smoothing | None) -> str:
        width = self._shape.hidden
        weight, bias = (self._weights.get(f"{source}.{part}", width) for part in ("weight", "bias"))
        weight, bias = _giving(smoothing, weight, bias)
        names = [f"{source}.weight", f"{source}.bias"]
        for name, values in zip(names, (weight, bias), strict=True):
            self._graph.weight(name, self._float, (width,), [values])
        epsilon = self._shape.epsilon
        return self._graph.node("LayerNormalization", [tensor, *names], output, axis=-1, epsilon=epsilon)

    def _activate(self, name: str, product: str, bias: Floats) -> str:
        graph = self._graph
        exact = self._shape.activation == "gelu"
        if self._kind == "int8" and exact:
            # onnxruntime finds this fusion by itself in the float32 graph, but not behind an integer product.
            vector = graph.weight(f"{name}.bias", np.float32, bias.shape, [bias])
            return graph.node("BiasGelu", [product, vector], name, domain=MICROSOFT)
        tensor = self._biased(name, product, bias)
        if self._shape.activation == "relu":
            return graph.node("Relu", [tensor], name)
        half, one = self._scalar("half", 0.5), self._scalar("one", 1)
        if exact:
            inner = graph.node("Mul", [tensor, self._scalar("rsqrt2", 0.5**0.5)], f"{name}.inner")
            curve = graph.node("Erf", [inner], f"{name}.curve")
        else:
            graph.node("Mul", [tensor, tensor], f"{name}.square")
            graph.node("Mul", [f"{name}.square", self._scalar("cubic", 0.044715)], f"{name}.cubic")
            graph.node("Add", [f"{name}.cubic", one], f"{name}.cubic1")
            graph.node("Mul", [f"{name}.cubic1", tensor], f"{name}.poly")
            factor = self._scalar("sqrt_2_pi", (2 / np.pi) ** 0.5)
            inner = graph.node("Mul", [f"{name}.poly", factor], f"{name}.inner")
            curve = graph.node("Tanh", [inner], f"{name}.curve")
        graph.node("Add", [curve, one], f"{name}.curve1")
        graph.node("Mul", [tensor, half], f"{name}.half")
        return graph.node("Mul", [f"{name}.half", f"{name}.curve1"], name)


def _reading(smoothing: Smoothing | None, weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    return (weight, bias) if smoothing is None else smoothing.product(weight, bias)


def _giving(smoothing: Smoothing | None, weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
    """Weight and bias of the product that gives the smoothed state."""
    if smoothing is None:
        return weight, bias
    return weight / smoothing.scale, (bias - smoothing.centre) / smoothing.scale


def _largest(smoothing: Smoothing | None) -> float | None:
    return None if smoothing is None else smoothing.largest


def _pool(graph: GraphFile, pooling: str, hidden: str, *, by_product: bool) -> str:
    """The embedding of the states. by_product: the masked sum as a matrix product, without a masked copy of the states.

    OpenVINO in bfloat16 rounds all that lies before the last matrix product. Without one here, what the layers add up
    stays float32: the largest shift of e5-small's pairwise cosines falls from 0.0013 to 0.0010 over 256 news leads, the
    mean one from 0.00024 to 0.00015, in the same time.
    """
    if pooling == "cls":
        return graph.node("Gather", [hidden, graph.constant("first", 0, np.int64)], "pooled", axis=1)
    axis = graph.constant("axes_1", [1], np.int64)
    if by_product:  # (batch, 1, tokens) @ (batch, tokens, hidden)
        graph.node("Unsqueeze", ["mask", axis], "mask_row")
        graph.node("MatMul", ["mask_row", hidden], "masked_sum")
        graph.node("Squeeze", ["masked_sum", axis], "masked_total")
    else:
        graph.node("Unsqueeze", ["mask", graph.constant("axes_2", [2], np.int64)], "mask_column")
        graph.node("Mul", [hidden, "mask_column"], "masked_states")
        graph.node("ReduceSum", ["masked_states", axis], "masked_total", keepdims=0)
    graph.node("ReduceSum", ["mask", axis], "mask_count", keepdims=1)
    return graph.node("Div", ["masked_total", "mask_count"], "pooled")


def _head(graph: GraphFile, number: int, head: DenseHead, pooled: str) -> str:
    tensors = open_tensors(head.folder)
    names = ["linear.weight"] + ["linear.bias"] * head.bias
    shapes: dict[str, tuple[int, ...]] = {"linear.weight": (head.outputs, head.inputs), "linear.bias": (head.outputs,)}
    for name in names:
        if name not in tensors.names() or tensors.shape(name) != shapes[name]:
            raise CheckpointInvalid(f"{head.folder} has no tensor {name!r} of shape {shapes[name]}. Fetch it again.")
    output = f"head{number}"
    weight = whole(tensors, "linear.weight").T
    graph.weight(f"{output}.weight", np.float32, weight.shape, [weight])
    result = graph.node("MatMul", [pooled, f"{output}.weight"], f"{output}.product")
    if head.bias:
        graph.weight(f"{output}.bias", np.float32, (head.outputs,), [whole(tensors, "linear.bias")])
        result = graph.node("Add", [result, f"{output}.bias"], f"{output}.sum")
    return graph.node("Tanh", [result], output) if head.activation == "tanh" else result


def _normalise(graph: GraphFile, pooled: str) -> None:
    # LpNormalization divides by zero on a zero vector; the floor keeps an all-zero embedding finite.
    graph.node("ReduceL2", [pooled], "length", axes=[-1], keepdims=1)
    graph.node("Max", ["length", graph.constant("tiny", 1e-12, np.float32)], "length_safe")
    graph.node("Div", [pooled, "length_safe"], "sentence_embedding")


def _finish(graph: GraphFile, stack: Stack) -> Path:
    import onnx

    inputs = [
        onnx.helper.make_tensor_value_info(name, onnx.TensorProto.INT64, ["batch", "tokens"])
        for name in ("input_ids", "attention_mask")
    ]
    output = onnx.helper.make_tensor_value_info(
        "sentence_embedding", onnx.TensorProto.FLOAT, ["batch", stack.dimension]
    )
    return graph.finish("sentence_encoder", inputs, [output])
