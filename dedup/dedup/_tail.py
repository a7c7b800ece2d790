"""Articles too new for the caches, searched by matrix operations."""

from __future__ import annotations

import numpy as np

from dedup.copies import PERMUTATIONS, estimate
from dedup.memory import Vectors


class Tail:
    """Articles that no index has yet: those of the batch, and those that others committed since the search.

    Compared by signature and vector in one matrix operation each: a batch of 256 has 32,640 pairs, and comparing their
    shingle sets one by one took as long as a quarter of the encoding.
    """

    def __init__(self, capacity: int, dimension: int) -> None:
        self.ids: list[int] = []
        self._signatures = np.zeros((capacity, PERMUTATIONS), dtype="<u4")
        self._signed = np.zeros(capacity, dtype=bool)
        self._vectors = np.zeros((capacity, dimension), dtype=np.float32)
        self._embedded = np.zeros(capacity, dtype=bool)

    def add(self, id_: int, signed: bytes, vector: Vectors | None) -> None:
        place = len(self.ids)
        self.ids.append(id_)
        if signed:
            self._signatures[place], self._signed[place] = np.frombuffer(signed, dtype="<u4"), True
        if vector is not None:
            self._vectors[place], self._embedded[place] = vector, True

    def alike(self, signed: bytes, at_least: float) -> list[int]:
        """Places whose estimated shingle similarity reaches `at_least`, most similar first."""
        if not signed or not self.ids:
            return []
        count = len(self.ids)
        estimates = np.where(self._signed[:count], estimate(self._signatures[:count], signed), 0.0)
        order = np.argsort(-estimates, kind="stable")
        return [int(place) for place in order if estimates[place] >= at_least]

    def near(self, vector: Vectors | None, floor: float, limit: int) -> dict[int, float]:
        """Place → cosine of the nearest `limit` places with a vector, at or above `floor`."""
        if vector is None or not self.ids:
            return {}
        count = len(self.ids)
        cosines = np.where(self._embedded[:count], self._vectors[:count] @ vector, -np.inf)
        order = np.argsort(-cosines, kind="stable")[:limit]
        return {int(place): float(cosines[place]) for place in order if cosines[place] >= floor}

    def cosine(self, place: int, vector: Vectors | None) -> float | None:
        if vector is None or not self._embedded[place]:
            return None
        return float(self._vectors[place] @ vector)
