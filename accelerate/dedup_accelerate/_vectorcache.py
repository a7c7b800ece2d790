"""The latest embeddings of one encoder, by a digest of their texts.

In memory only: the service keeps every article's embedding in SQL, so on disk they would lie twice; what comes again
within a process are questions and pages that are asked for once more.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray


def text_key(text: str) -> bytes:
    """16 bytes that stand for a text. Raises TypeError for anything but a str."""
    if not isinstance(text, str):
        raise TypeError(f"a text must be str, not {type(text).__name__}")
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


class VectorCache:
    """At most `size` vectors; those that were asked for longest ago go first. Safe under threads."""

    def __init__(self, size: int) -> None:
        if size < 0:
            raise ValueError(f"cache_texts must not be negative, got {size}")
        self._size = size
        self._rows: OrderedDict[bytes, NDArray[np.float32]] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def get(self, keys: Iterable[bytes]) -> list[NDArray[np.float32] | None]:
        """The vector of each key, None where there is none."""
        if not self._size:
            return [None for _ in keys]
        with self._lock:
            found = []
            for key in keys:
                row = self._rows.get(key)
                if row is not None:
                    self._rows.move_to_end(key)
                found.append(row)
            return found

    def put(self, keys: Sequence[bytes], rows: NDArray[np.float32]) -> None:
        """Remember rows; each is copied, so that it keeps no larger array alive."""
        if not self._size:
            return
        with self._lock:
            for key, row in zip(keys, rows, strict=True):
                self._rows[key] = row.copy()
                self._rows.move_to_end(key)
            while len(self._rows) > self._size:
                self._rows.popitem(last=False)
