"""How the inputs of the int8 products are evened out, measured on the model itself.

In a trained encoder a few columns of the hidden states are large in every token: in e5-small one is five to ten times
as large as the rest, and one scale for the whole row leaves the others a few steps. Two things even them out. Such a
column is large but hardly varies: its centre is subtracted, and what the centre would have given goes to the bias.
What still varies more is divided, and the weights that read it are multiplied (SmoothQuant, Xiao and others 2022,
arXiv 2211.10438, whose α is `power`). Both go into the normalisation before and the product behind; the one thing
left to compute is a multiplication on the way round the layer. On e5-small, over 350 news leads: the mean shift of a
pairwise cosine falls from 0.0014 to 0.0009, the largest from 0.0079 to 0.0052.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._bertweights import BertWeights
from ._stack import BertShape
from ._tensors import Floats

#: Pieces are taken from all over the vocabulary: that many stretches of that many neighbours. Real texts of one
#: language gave the same shift within 0.0001, and would favour that language.
_STRETCHES = 16
_TOKENS = 64
#: Of the units of a feed-forward part one in so many is loud. In e5-small a few of them are up to thirty times as large
#: as all others, in the first or the last token of every text, where the model parks what it does not need. With one in
#: 384, 96 and 48 aside, one scale for the others is 2.9, 3.6 and 4.2 times as fine, the mean of twelve layers; with one
#: in 24 or 12 the vectors came no nearer to fp32.
_UNITS_FOR_ONE_LOUD = 48

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Smoothing:
    """A state is written as `(state - centre) / scale`, both float32 (hidden,).

    largest: magnitude of what was measured, once it is so written.
    """

    centre: Floats
    scale: Floats
    largest: float

    def product(self, weight: Floats, bias: Floats) -> tuple[Floats, Floats]:
        """Weight (hidden, outputs) and bias that give of the smoothed state what the given ones give of the state."""
        # In float64 and rounded, so that the order of a CPU's sums does not show in the artifact's bytes.
        moved = (self.centre.astype(np.float64) @ weight.astype(np.float64) + bias).round(6)
        return weight * self.scale[:, None], moved.astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class LayerScales:
    """What a layer's four products read: `read` the attention, `mixed` what it gives, `middle` the feed-forward part.

    loud: the units of the feed-forward part with the largest values, (n,) indices; quiet: the largest of all others.
    """

    read: Smoothing
    mixed: Smoothing
    middle: Smoothing
    loud: NDArray[np.intp]
    quiet: float


def measure_scales(
    weights: BertWeights, shape: BertShape, texts: Sequence[Sequence[int]] = (), *, power: float = 0.5
) -> Iterator[LayerScales]:
    """The scales of each layer, in order.

    texts: ids of texts that are measured beside the stretches of the vocabulary. power: how much of the unevenness is
    left to the weights, 0 … 1. The layers are computed in float64, one after another: 2 s for e5-small, 20 s for LaBSE
    on two busy cores, and three to four times that with the packaged texts; in the memory of one layer.
    """

    def smoothing(states: Sequence[Doubles], weight: Floats) -> Smoothing:
        return _smoothing(_rows(states), weight, power)

    def normalised(states: Sequence[Doubles], name: str) -> list[Doubles]:
        return [_normalised(state, weights, name, shape) for state in states]

    states = normalised(_embedded(weights, shape, texts), "embeddings.LayerNorm")
    for layer in range(shape.layers):
        name, hidden = f"encoder.layer.{layer}", shape.hidden
        parts = [weights.linear(f"{name}.attention.self.{part}", hidden, hidden) for part in ("query", "key", "value")]
        read = smoothing(states, np.concatenate([weight for weight, _ in parts], axis=1))
        contexts = [_attention(*(_affine(state, *part) for part in parts), heads=shape.heads) for state in states]
        out = weights.linear(f"{name}.attention.output.dense", hidden, hidden)
        mixed = smoothing(contexts, out[0])
        states = [state + _affine(context, *out) for state, context in zip(states, contexts, strict=True)]
        states = normalised(states, f"{name}.attention.output.LayerNorm")
        up = weights.linear(f"{name}.intermediate.dense", hidden, shape.intermediate)
        middle = smoothing(states, up[0])
        wide = [_activated(_affine(state, *up), shape.activation) for state in states]
        yield LayerScales(read, mixed, middle, *_loud(_rows(wide)))
        down = weights.linear(f"{name}.output.dense", shape.intermediate, hidden)
        states = [state + _affine(units, *down) for state, units in zip(states, wide, strict=True)]
        states = normalised(states, f"{name}.output.LayerNorm")


def _rows(states: Sequence[Doubles]) -> Doubles:
    return np.concatenate([state.reshape(-1, state.shape[-1]) for state in states])


def _loud(rows: Doubles) -> tuple[NDArray[np.intp], float]:
    largest = _halved(rows.max(axis=0))
    order = np.argsort(-largest, kind="stable")
    count = len(order) // _UNITS_FOR_ONE_LOUD
    return np.sort(order[:count]), float(largest[order[count]])


def _smoothing(rows: Doubles, weight: Floats, power: float) -> Smoothing:
    spread = np.quantile(np.abs(rows - rows.mean(axis=0)), 0.999, axis=0)
    reading = np.sqrt(np.square(weight, dtype=np.float64).mean(axis=1))
    # A column that never varies, or that nothing reads, needs no scale of its own.
    spread, reading = spread.clip(spread.mean() / 1000 or 1), reading.clip(reading.mean() / 1000 or 1)
    # Half precision is fine enough, and takes no notice of the last bits, in which CPUs differ.
    centre, scale = _halved(rows.mean(axis=0)), _halved(spread**power / reading ** (1 - power))
    return Smoothing(centre, scale, float(_halved(np.abs((rows - centre) / scale).max())))


def _halved(values: Any) -> Any:
    return values.astype(np.float16).astype(np.float32)


def _embedded(weights: BertWeights, shape: BertShape, texts: Sequence[Sequence[int]]) -> list[Doubles]:
    """Each (texts, tokens, hidden): the stretches, and the texts one by one."""
    tokens = min(_TOKENS, shape.positions, shape.vocabulary)
    starts = np.linspace(0, shape.vocabulary - tokens, _STRETCHES).astype(int)
    words = [np.stack([weights.some_words(int(start), int(start) + tokens) for start in starts])]
    words += [np.concatenate([weights.some_words(piece, piece + 1) for piece in ids])[None] for ids in texts]
    positions = weights.positions()
    return [found.astype(np.float64) + positions[: found.shape[1]] for found in words]


def _affine(state: Doubles, weight: Floats, bias: Floats) -> Doubles:
    return state @ weight.astype(np.float64) + bias


def _normalised(state: Doubles, weights: BertWeights, name: str, shape: BertShape) -> Doubles:
    centred = state - state.mean(axis=-1, keepdims=True)
    centred /= np.sqrt(np.square(centred).mean(axis=-1, keepdims=True) + shape.epsilon)
    scaled: Doubles = centred * weights.get(f"{name}.weight", shape.hidden)
    return scaled + weights.get(f"{name}.bias", shape.hidden)


def _attention(query: Doubles, key: Doubles, value: Doubles, *, heads: int) -> Doubles:
    batch, tokens, hidden = query.shape
    size = hidden // heads
    query, key, value = (x.reshape(batch, tokens, heads, size).swapaxes(1, 2) for x in (query, key, value))
    scores = query @ key.swapaxes(2, 3) * size**-0.5
    shares = np.exp(scores - scores.max(axis=-1, keepdims=True))
    shares /= shares.sum(axis=-1, keepdims=True)
    mixed: Doubles = (shares @ value).swapaxes(1, 2)
    return mixed.reshape(batch, tokens, hidden)


def _activated(state: Doubles, activation: str) -> Doubles:
    if activation == "relu":
        return state.clip(min=0)
    # Both kinds of GELU by the formula with tanh: they differ by less than 0.001.
    curve: Doubles = np.tanh((2 / np.pi) ** 0.5 * (state + 0.044715 * state**3))
    return 0.5 * state * (1 + curve)
