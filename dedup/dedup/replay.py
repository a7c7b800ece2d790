"""News through a service that is gone afterwards: what it would decide, in a temporary database of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from dedup.config import Config
from dedup.model import TextEncoder

if TYPE_CHECKING:
    from dedup.service import Deduplicator, Progress
    from dedup.space import Vectors
    from dedup_accelerate import Artifact


class Remembering:
    """An encoder that keeps what it gave: what is asked twice is encoded once."""

    def __init__(self, encoder: TextEncoder) -> None:
        self._encoder = encoder
        self.vectors: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self.vectors]
        if new:
            self.vectors.update(zip(new, self._encoder.encode(new), strict=True))
        return np.stack([self.vectors[text] for text in texts])

    async def aencode(self, texts: Sequence[str]) -> Vectors:
        return await asyncio.to_thread(self.encode, texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)


@contextmanager
def temporary_service(
    config: Config, artifact: Artifact, encoder: TextEncoder, *, progress: Progress
) -> Iterator[Deduplicator]:
    """A service with the settings of `config`, an empty SQLite database and an empty index; both vanish at the end.

    Raises CalibrationError when the model tells nothing apart.
    """
    from dedup.service import Deduplicator
    from dedup.store import open_store

    with TemporaryDirectory(prefix="dedup-replay-", ignore_cleanup_errors=True) as folder:
        store = config.store.model_copy(update={"url": f"sqlite:///{folder}/news.sqlite3"})
        index = config.index.model_copy(update={"folder": ""})
        own = config.model_copy(update={"store": store, "index": index})
        opened = open_store(own.store.url, lock_timeout_seconds=own.store.lock_timeout_seconds)
        try:
            service = Deduplicator(own, opened, artifact, encoder, progress)
        except BaseException:
            opened.close()
            raise
        with service:
            yield service
