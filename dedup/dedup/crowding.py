"""How crowded an article's neighbourhood is: the mean cosine of its nearest others.

A cosine means less where everything is near everything: look-alike events, one topic's daily stream, one language among
many. So a pair is read against the neighbourhoods of its two sides (cross-domain similarity local scaling: Conneau,
Lample, Ranzato, Denoyer, Jégou, ICLR 2018). But the other tellings of a story are near, too, and a story that everyone
tells has no more than its fame: what a crowd can say against a pair is limited, in `dedup.judge` and `dedup.verdict`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from dedup_index import Neighbours

# How many others count. Of 10, 15 and 20 the last was best for stories of up to 12 articles.
NEIGHBOURS = 20
# So many are looked for: the article itself is among them, and perhaps copies.
SEARCHED = NEIGHBOURS + 10
# So alike, two vectors are those of one text: copies say nothing about how crowded a place is.
SAME_TEXT = 0.999

_ROWS = 1024


Nearest = tuple[float, ...]
"""The cosines of one article to its nearest others, at most 20, the nearest first."""


def crowding(nearest: Nearest, most: float = 1.0) -> float:
    """The mean of the cosines, none of which counts more than `most`; neighbours that are missing count as 0."""
    return sum(min(cosine, most) for cosine in nearest) / NEIGHBOURS


def nearest_of(cosines: Sequence[float]) -> Nearest:
    """Of one article, from its cosines to the others, in any order."""
    return tuple(sorted((float(cosine) for cosine in cosines if 0 < cosine < SAME_TEXT), reverse=True)[:NEIGHBOURS])


def nearest_of_each(vectors: NDArray[np.float32]) -> list[Nearest]:
    """Of each of n articles among all of them, from their unit vectors (n, d). Cost: O(n² d)."""
    found: list[Nearest] = []
    for start in range(0, len(vectors), _ROWS):
        cosines = vectors[start : start + _ROWS] @ vectors.T
        cosines[cosines >= SAME_TEXT] = 0.0
        count = min(NEIGHBOURS, len(vectors))
        found += [nearest_of(row) for row in (-np.partition(-cosines, count - 1, axis=1)[:, :count]).tolist()]
    return found


class Crowds:
    """The nearest cosines of articles, kept up to date as others come near. Not safe under threads: the owner locks."""

    def __init__(self) -> None:
        self._nearest: dict[int, list[float]] = {}

    def __len__(self) -> int:
        return len(self._nearest)

    def __contains__(self, article_id: int) -> bool:
        return article_id in self._nearest

    def of(self, article_id: int) -> Nearest:
        return nearest_of(self._nearest[article_id])

    def learn(self, ids: NDArray[np.int64], found: Neighbours) -> None:
        """Take in articles, each with what a search for its own vector found."""
        for place, id_ in enumerate(ids.tolist()):
            self._nearest[id_] = [hit.score for hit in found.row(place) if hit.id != id_]

    def meet(self, found: Neighbours) -> None:
        """New articles came, and this is what is near them: each may be among the nearest of what it is near to.

        One that is near to an article that has 20 nearer ones for itself is overlooked; it would move the mean little.
        """
        for place in range(len(found)):
            for hit in found.row(place):
                nearest = self._nearest.get(hit.id)
                if nearest is not None and hit.score < SAME_TEXT:
                    nearest.append(hit.score)
                    nearest.sort(reverse=True)
                    del nearest[NEIGHBOURS:]

    def drop(self, ids: Iterable[int]) -> None:
        """Forget articles: they are gone, or their text is another."""
        for id_ in ids:
            self._nearest.pop(id_, None)
