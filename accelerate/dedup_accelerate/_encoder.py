"""Texts → unit vectors, with onnxruntime, tokenizers and numpy only."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._artifact import Artifact, Contract
from ._errors import ProviderUnavailable
from ._session import Provider, open_session
from ._settings import Progress, silent
from ._tokens import Tokens

Vectors = NDArray[np.float32]

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


def pad(ids: Sequence[Sequence[int]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Ids and attention mask of shape (texts, longest); padded places hold id 0 and mask 0."""
    width = max(map(len, ids))
    padded = np.zeros((len(ids), width), np.int64)
    mask = np.zeros((len(ids), width), np.int64)
    for row, values in enumerate(ids):
        padded[row, : len(values)] = values
        mask[row, : len(values)] = 1
    return padded, mask


class Encoder:
    """Encodes texts with one artifact. Safe under threads: `encode` keeps no state between calls.

    artifact: from `prepare` or `load_artifact`. provider: "cpu" or "cuda". threads: CPU threads of one call, 0 for all
    physical cores. batch_tokens: padded tokens per batch; on a CPU a bigger batch costs memory and gains little.
    long_texts: what is encoded of a text with more than max_tokens, "truncate", "lead" or "windows"; see LongTexts.

    Raises ProviderUnavailable and ProviderFallback instead of running anywhere else than asked.
    """

    def __init__(
        self, artifact: Artifact, *, provider: Provider = "cpu", threads: int = 0, batch_tokens: int = 1024
    ) -> None:
        if provider == "cuda" and artifact.manifest.contract.precision == "int8":
            raise ProviderUnavailable(
                f"{artifact.path} holds int8 weights for the CPU; prepare the model with precision='fp32' for CUDA."
            )
        self.artifact = artifact
        self._runner = Runner(
            artifact.graph, artifact.tokenizer, artifact.manifest.contract, provider, threads, batch_tokens
        )

    @property
    def dimension(self) -> int:
        """Length of one vector."""
        return self.artifact.dimension

    @property
    def provider(self) -> str:
        """The provider that onnxruntime reports as active."""
        return self._runner.provider

    def encode(self, texts: Sequence[str], *, progress: Progress | None = None) -> Vectors:
        """float32 array (len(texts), dimension), every row of length 1, in the order of `texts`.

        The artifact's prefix is put before each text and the text is cut at its max_tokens. Defined for every str: an
        empty or blank text gives the embedding of the bare prefix, NUL counts as a space, a lone surrogate as U+FFFD.
        No texts give shape (0, dimension). Raises TypeError for anything but a sequence of str.
        """
        return self._runner.encode(texts, progress or silent)


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
        self._session: Any = open_session(graph, provider, threads)
        self._inputs = {item.name for item in self._session.get_inputs()}
        self._tokens = Tokens(tokenizer, prefix=contract.prefix, max_tokens=contract.max_tokens)
        self._dimension = contract.dimension
        self._batch_tokens = batch_tokens
        self.provider = str(self._session.get_providers()[0])

    def encode(self, texts: Sequence[str], progress: Progress = silent) -> Vectors:
        if isinstance(texts, str):
            raise TypeError("encode takes a sequence of texts; put the one text into a list")
        vectors = np.empty((len(texts), self._dimension), np.float32)
        done = 0
        for begin in range(0, len(texts), _WINDOW):
            ids = self._tokens(texts[begin : begin + _WINDOW])
            for batch in plan_batches([len(values) for values in ids], self._batch_tokens):
                vectors[[begin + position for position in batch]] = self._run([ids[position] for position in batch])
                done += len(batch)
                progress("encode", done, len(texts))
        return vectors

    def _run(self, ids: Sequence[Sequence[int]]) -> Vectors:
        padded, mask = pad(ids)
        feed = {"input_ids": padded, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(padded)
        (vectors,) = self._session.run(["sentence_embedding"], feed)
        # Exports of other tools may end in half precision or without normalisation: unit length is ours to keep.
        vectors = np.asarray(vectors, np.float32)
        length = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(length, 1e-12), np.float32)
