"""Texts → unit vectors, with an engine, tokenizers and numpy only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from ._artifact import Artifact, Contract
from ._engine import Engine, open_engine
from ._errors import ProviderUnavailable
from ._longtexts import LongTexts, joined
from ._profiles import Provider
from ._settings import Progress, silent
from ._streams import Streams, physical_cores
from ._tokens import Tokens
from ._vectorcache import VectorCache, text_key

Vectors = NDArray[np.float32]
Ids = list[list[int]]

#: OpenVINO makes kernels for each new shape of its input, and what is left over of 16 values it takes one by one. So 10
#: texts of 104 tokens take longer than 10 of 112 (60 and 55 ms, e5-small's int8), and one of 24 as long as one of 32.
_OPENVINO_TOKENS = 16

#: Texts tokenised and sorted at a time: enough that sorting removes nearly all padding, few enough to hold their ids.
_WINDOW = 4096


def plan_batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Positions of texts grouped longest first, so that a padded batch holds at most `batch_tokens` tokens.

    A text longer than the budget is a batch of its own. The longest come first so that the memory peak is the first
    batch, not a surprise at the end.
    """
    batch: list[int] = []
    for position in sorted(range(len(lengths)), key=lambda i: (-lengths[i], i)):
        if batch and (len(batch) + 1) * lengths[batch[0]] > batch_tokens:
            yield batch
            batch = []
        batch.append(position)
    if batch:
        yield batch


def pad(ids: Sequence[Sequence[int]], width: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and attention mask of shape (texts, width), by default the longest's; padded places hold id 0 and mask 0."""
    width = width or max(map(len, ids))
    padded = np.zeros((len(ids), width), np.int64)
    mask = np.zeros((len(ids), width), np.int64)
    for row, values in enumerate(ids):
        padded[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return padded, mask


@dataclass(slots=True)
class Pending:
    """A list of texts on its way to vectors: what the cache knew stands in `vectors` already, `ids` is left to run.

    counts: how many consecutive rows of `ids` make up each distinct text that is left; keys: those texts; places: the
    rows of `vectors` that wait for each of them.
    """

    vectors: Vectors
    keys: list[bytes]
    places: list[list[int]]
    ids: Ids
    counts: list[int]

    @property
    def texts(self) -> int:
        """How many rows wait."""
        return sum(map(len, self.places))


class Encoder:
    """Encodes texts with one artifact. Safe under threads; `DynamicBatcher` lets many callers share its batches.

    artifact: from `prepare` or `load_artifact`; its contract names the engine and the arithmetic. provider: "cpu",
    "cuda" or "tensorrt"; by default the CPU, and CUDA for an fp16 artifact. threads: CPU threads of one call, 0 for all
    physical cores; on a CPU many texts are encoded in as many runs side by side, of one thread each.
    batch_tokens: padded tokens per batch, half as many side by side; a bigger batch costs memory and gains little.
    long_texts: what is encoded of a text with more than max_tokens; see LongTexts. cache_texts: embeddings of the
    latest so many different texts are kept in memory (4 * dimension bytes each) and given again without the model.

    Raises ProviderUnavailable and ProviderFallback instead of running anywhere else than asked.
    """

    def __init__(
        self,
        artifact: Artifact,
        *,
        provider: Provider | None = None,
        threads: int = 0,
        batch_tokens: int = 1024,
        long_texts: LongTexts | None = None,
        cache_texts: int = 0,
    ) -> None:
        if provider not in (None, *get_args(Provider)):
            raise ValueError(f"provider must be one of {', '.join(get_args(Provider))}, not {provider!r}")
        contract = artifact.manifest.contract
        provider = provider or ("cuda" if contract.precision == "fp16" else "cpu")
        if provider != "cpu" and contract.precision == "int8":
            raise ProviderUnavailable(
                f"{artifact.path} holds int8 weights for the CPU; prepare the model with profile='cuda-fp16', or "
                "'cuda-fp32' on a GTX 10xx."
            )
        if provider == "cpu" and contract.precision == "fp16":
            raise ProviderUnavailable(
                f"{artifact.path} holds fp16 weights for a GPU; prepare the model with a cpu profile for the CPU."
            )
        self.artifact = artifact
        self.long_texts = long_texts or LongTexts()
        self._cache = VectorCache(cache_texts)
        self._runner = Runner(artifact.graph, artifact.tokenizer, contract, provider, threads, batch_tokens)

    @property
    def dimension(self) -> int:
        """Length of one vector."""
        return self.artifact.dimension

    @property
    def provider(self) -> str:
        """What the engine reports as computing, e.g. "CPUExecutionProvider" or "OpenVINO CPU"."""
        return self._runner.provider

    @property
    def fingerprint(self) -> str:
        """Hex digest of what decides the embeddings: the artifact's own, unless long texts are read another way."""
        return embedding_fingerprint(self.artifact, self.long_texts)

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """float32 array (len(texts), dimension), every row of length 1, in the order of `texts`.

        The artifact's prefix is put before each text; a text longer than its max_tokens is read as `long_texts` says.
        Defined for every str: an empty or blank text gives the embedding of the bare prefix, NUL counts as a space, a
        lone surrogate as U+FFFD. No texts give shape (0, dimension). Equal texts are encoded once.

        Raises TypeError for anything but a sequence of str.
        """
        refuse_one_text(texts)
        told, vectors = progress or silent, np.empty((len(texts), self.dimension), np.float32)
        for begin in range(0, len(texts), _WINDOW):
            pending = self.prepare(texts[begin : begin + _WINDOW])
            known = begin + len(pending.vectors) - pending.texts

            def report(done: int, known: int = known, pending: Pending = pending) -> None:
                told("encode", known + pending.texts * done // len(pending.ids), len(texts))

            if pending.ids:
                self.finish(pending, self._runner.run(pending.ids, report))
            else:
                told("encode", known, len(texts))
            vectors[begin : begin + len(pending.vectors)] = pending.vectors
        return vectors

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens that the model reads of each text, prefix and special tokens included, what is cut off not."""
        refuse_one_text(texts)
        ids, counts = self._tokenise(texts)
        ends = np.cumsum([0, *counts])
        return [sum(map(len, ids[ends[i] : ends[i + 1]])) for i in range(len(texts))]

    def prepare(self, texts: Sequence[str]) -> Pending:
        """The first half of `encode`: look up, tokenise. `finish` is the other, after `run` or a batcher's own."""
        vectors = np.empty((len(texts), self.dimension), np.float32)
        places: dict[bytes, list[int]] = {}
        for place, text in enumerate(texts):
            places.setdefault(text_key(text), []).append(place)
        left: dict[bytes, list[int]] = {}
        for key, known in zip(places, self._cache.get(places), strict=True):
            if known is None:
                left[key] = places[key]
            else:
                vectors[places[key]] = known
        ids, counts = self._tokenise([texts[rows[0]] for rows in left.values()])
        return Pending(vectors, list(left), list(left.values()), ids, counts)

    def run(self, ids: Ids) -> Vectors:
        """Unit rows of these token ids, in their order."""
        return self._runner.run(ids)

    def finish(self, pending: Pending, rows: Vectors) -> Vectors:
        """Put the rows of `pending.ids` where they belong and remember them; returns `pending.vectors`."""
        found = joined(rows, pending.counts) if len(rows) > len(pending.counts) else rows
        for row, places in zip(found, pending.places, strict=True):
            pending.vectors[places] = row
        self._cache.put(pending.keys, found)
        return pending.vectors

    @property
    def batch_tokens(self) -> int:
        """Padded tokens of one run."""
        return self._runner.batch_tokens

    def _tokenise(self, texts: Sequence[str]) -> tuple[Ids, list[int]]:
        """Token ids of what is read of each text, and how many rows of them each text has."""
        tokens, policy = self._runner.tokens, self.long_texts
        ids = tokens(texts)
        if policy.policy == "truncate":
            return ids, [1] * len(ids)
        most = policy.max_windows if policy.policy == "windows" else 1
        found: Ids = []
        counts: list[int] = []
        for text, own in zip(texts, ids, strict=True):
            rows = [own]
            if len(own) >= tokens.max_tokens:  # perhaps more was cut off
                prepared = tokens.prepared(text, most)
                parts = policy.parts(prepared, *tokens.spans(prepared))
                rows = tokens(parts) if parts != [prepared] else rows
            found += rows
            counts.append(len(rows))
        return found, counts


def embedding_fingerprint(artifact: Artifact, long_texts: LongTexts) -> str:
    """Hex digest of an artifact and a policy for long texts: embeddings of two of them are never compared."""
    if long_texts.policy == "truncate":
        return artifact.fingerprint
    return hashlib.sha256(f"{artifact.fingerprint}\0{long_texts.name}".encode()).hexdigest()


def refuse_one_text(texts: Sequence[str]) -> None:
    """Raise TypeError for a str in place of a sequence of them."""
    if isinstance(texts, str):
        raise TypeError("encode takes a sequence of texts; put the one text into a list")


class Runner:
    """A graph file with its tokenizer; what Encoder and the parity measurement share."""

    def __init__(
        self,
        graph: Path,
        tokenizer: Path,
        contract: Contract,
        provider: Provider = "cpu",
        threads: int = 0,
        batch_tokens: int = 1024,
    ) -> None:
        if batch_tokens < 1:
            raise ValueError(f"batch_tokens must be positive, got {batch_tokens}")
        load = partial(
            open_engine,
            graph,
            engine=contract.engine,
            precision=contract.precision,
            arithmetic=contract.arithmetic,
            provider=provider,
            longest=contract.max_tokens,
        )
        self._engine: Engine = load(threads=threads)
        streams = (threads or physical_cores()) if provider == "cpu" else 1
        self._streams = Streams(partial(load, threads=1, streams=streams), streams)
        self.tokens = Tokens(tokenizer, prefix=contract.prefix, max_tokens=contract.max_tokens)
        self._dimension = contract.dimension
        self._multiple = _OPENVINO_TOKENS if contract.engine == "openvino" else 1
        self.batch_tokens = batch_tokens
        self.provider = self._engine.provider

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit rows of texts cut at the token limit."""
        return self.run(self.tokens(texts))

    def run(self, ids: Ids, report: Callable[[int], None] | None = None) -> Vectors:
        """Unit rows of token ids, in their order; `report` is told how many are done."""
        vectors = np.empty((len(ids), self._dimension), np.float32)
        done = 0
        for batch, rows in self._batches(ids):
            vectors[batch] = rows
            done += len(batch)
            if report is not None:
                report(done)
        return vectors

    def _batches(self, ids: Sequence[Sequence[int]]) -> Iterator[tuple[list[int], Vectors]]:
        """Positions of texts, and their unit rows."""

        def work(engine: Engine, batch: list[int]) -> Vectors:
            return self._run(engine, [ids[position] for position in batch])

        lengths = [self._width(len(values)) for values in ids]
        halves = list(plan_batches(lengths, max(1, self.batch_tokens // 2)))
        if self._streams.suit(halves):
            return self._streams.run(halves, work)
        return ((batch, work(self._engine, batch)) for batch in plan_batches(lengths, self.batch_tokens))

    def _width(self, tokens: int) -> int:
        """What a text of so many tokens is padded to; the model has no positions beyond max_tokens."""
        return max(tokens, min(-(-tokens // self._multiple) * self._multiple, self.tokens.max_tokens))

    def _run(self, engine: Engine, ids: Sequence[Sequence[int]]) -> Vectors:
        vectors = engine.run(*pad(ids, self._width(max(map(len, ids)))))
        # Exports of other tools may end in half precision or without normalisation: unit length is ours to keep.
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
