"""The configured model: its artifact at once, its encoder when the first text comes.

Loading an encoder takes seconds (e5-small in int8: 2 s), verifying its artifact 0.1 s. What only reads embeddings that
are stored already (`dedup explain`, `dedup index stats`) never pays for the first.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from dedup.config import Config
from dedup.space import Vectors, View, space_id

if TYPE_CHECKING:
    from dedup.service import Progress
    from dedup_accelerate import Artifact, DynamicBatcher, Encoder, LongTexts, Profile


class TextEncoder(Protocol):
    """What the service needs of an encoder; from any thread. `Encoder` says what each text gives."""

    def encode(self, texts: Sequence[str]) -> Vectors:
        """Unit float32 rows (n, dimension)."""
        ...

    async def aencode(self, texts: Sequence[str]) -> Vectors:
        """The same, from a task whose loop goes on meanwhile."""
        ...

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """How many tokens the model reads of each text."""
        ...


class LazyEncoder:
    """An encoder that is loaded by its first use, once, whichever thread comes first.

    batching: the texts of concurrent calls run in common batches (`[serve]`); for a server, whose callers are many and
    whose texts are few. Then EncoderBusy is raised when too many wait.
    """

    def __init__(self, artifact: Artifact, config: Config, *, batching: bool = False) -> None:
        self._artifact = artifact
        self._config = config
        self._batching = batching
        self._encoder: Encoder | None = None
        self._batcher: DynamicBatcher | None = None
        self._loading = threading.Lock()

    def load(self) -> Encoder:
        """The encoder itself. Raises dedup_accelerate.ProviderError where it cannot run as configured."""
        with self._loading:
            if self._encoder is None:
                self._encoder = open_encoder(self._artifact, self._config)
                if self._batching:
                    self._batcher = open_batcher(self._encoder, self._config)
            return self._encoder

    def encode(self, texts: Sequence[str]) -> Vectors:
        encoder = self.load()
        return self._batcher.encode(texts) if self._batcher else encoder.encode(texts)

    async def aencode(self, texts: Sequence[str]) -> Vectors:
        encoder = await asyncio.to_thread(self.load)
        return await (self._batcher.aencode(texts) if self._batcher else asyncio.to_thread(encoder.encode, texts))

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.load().count_tokens(texts)

    def close(self) -> None:
        """Finish what waits; later calls of a batching encoder raise EncoderClosed."""
        if self._batcher is not None:
            self._batcher.close()


def prepare_model(config: Config, *, progress: Progress | None = None) -> Artifact:
    """The verified artifact of `[model]`, built where it is not in the cache. Raises AccelerateError."""
    from dedup_accelerate import prepare

    model, cache = config.model, cache_folder(config)
    return prepare(model.name, profile=model_profile(config), languages=model.languages, cache=cache, progress=progress)


def cache_folder(config: Config) -> Path | None:
    """`model.cache`, or None for the user's cache folder."""
    return Path(config.model.cache).expanduser() if config.model.cache else None


def find_prepared(config: Config, model: str, chosen: Profile, languages: Sequence[str]) -> Artifact | None:
    """The artifact in the cache that a command would take for this model, or None; its files are not read."""
    from dedup_accelerate import ModelUnavailable, prepared

    with suppress(ModelUnavailable):
        return prepared(model, profile=chosen, languages=languages, cache=cache_folder(config))
    return None


def model_profile(config: Config) -> Profile:
    """The profile of `[model]` on this machine. Raises dedup_accelerate.ProviderUnavailable where it cannot be run."""
    from dedup_accelerate import choose_profile, detect_hardware

    return choose_profile(detect_hardware(), config.model.profile, config.model.engine)


def open_encoder(artifact: Artifact, config: Config) -> Encoder:
    """An encoder of `artifact` that runs as `[model]` says. Raises dedup_accelerate.ProviderError."""
    from dedup_accelerate import Encoder

    model = config.model
    return Encoder(
        artifact,
        provider=model_profile(config).provider,
        threads=model.threads,
        batch_tokens=model.batch_tokens,
        long_texts=long_texts(config),
        cache_texts=model.cache_texts,
    )


def open_batcher(encoder: Encoder, config: Config) -> DynamicBatcher:
    """What puts the texts of concurrent requests into common batches, as `[serve]` says."""
    from dedup_accelerate import DynamicBatcher

    serve = config.serve
    return DynamicBatcher(
        encoder, wait_milliseconds=serve.batch_wait_milliseconds, max_waiting_texts=serve.max_waiting_texts
    )


def long_texts(config: Config) -> LongTexts:
    """What is encoded of a text that is too long for the model, as `[model]` says."""
    from dedup_accelerate import LongTexts

    model = config.model
    return LongTexts(model.long_texts, model.window_overlap_tokens, model.max_windows)


def space_of(artifact: Artifact, config: Config) -> str:
    """The space that an artifact has under a configuration: with its view, and its way with long texts."""
    from dedup_accelerate import embedding_fingerprint

    view = View(config.encode.view, config.encode.lead_words, config.encode.clean)
    return space_id(embedding_fingerprint(artifact, long_texts(config)), view)
