"""The configured model: its artifact at once, its encoder when the first text comes.

Loading an encoder takes seconds (e5-small in int8: 2 s), verifying its artifact 0.1 s. What only reads embeddings that
are stored already (`dedup explain`, `dedup index stats`) never pays for the first.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dedup.config import Config
from dedup.space import Vectors

if TYPE_CHECKING:
    from dedup.service import Progress
    from dedup_accelerate import Artifact, Encoder


class TextEncoder(Protocol):
    """What the service needs of an encoder: texts in, unit float32 rows (n, dimension) out; from any thread."""

    def encode(self, texts: Sequence[str]) -> Vectors: ...


class LazyEncoder:
    """An encoder that is loaded by its first use, once, whichever thread comes first."""

    def __init__(self, artifact: Artifact, config: Config) -> None:
        self._artifact = artifact
        self._config = config
        self._encoder: Encoder | None = None
        self._loading = threading.Lock()

    def load(self) -> Encoder:
        """The encoder itself. Raises dedup_accelerate.ProviderError where it cannot run as configured."""
        with self._loading:
            if self._encoder is None:
                self._encoder = open_encoder(self._artifact, self._config)
            return self._encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        return self.load().encode(texts)


def prepare_model(config: Config, *, progress: Progress | None = None) -> Artifact:
    """The verified artifact of `[model]`, built where it is not in the cache. Raises AccelerateError."""
    from dedup_accelerate import prepare

    model = config.model
    cache = Path(model.cache).expanduser() if model.cache else None
    return prepare(model.name, precision=model.precision, languages=model.languages, cache=cache, progress=progress)


def open_encoder(artifact: Artifact, config: Config) -> Encoder:
    """An encoder of `artifact` that runs as `[model]` says. Raises dedup_accelerate.ProviderError."""
    from dedup_accelerate import Encoder

    model = config.model
    return Encoder(artifact, provider=model.provider, threads=model.threads, batch_tokens=model.batch_tokens)
