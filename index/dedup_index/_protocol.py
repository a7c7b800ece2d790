"""The seam: what every engine of this room can do, and what it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pathlib import Path

Ids: TypeAlias = NDArray[np.int64]
Vectors: TypeAlias = NDArray[np.float32]
AnyFloats: TypeAlias = NDArray[np.floating[Any]]

#: Stands in ``Neighbours.ids`` where an index holds fewer than ``k`` vectors; its score is minus infinity.
PADDING_ID = -1


class Neighbour(NamedTuple):
    """One hit: the article's id and the inner product of the two unit vectors, their cosine."""

    id: int
    score: float


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """Answer to ``q`` queries: row ``i`` holds the hits of query ``i``, best first, equal scores by ascending id.

    ``ids`` is int64 (q, k), padded with -1; ``scores`` is float32 (q, k), padded with ``-inf``. A score is a float32
    sum: the same pair may differ in the seventh digit from one batch size to another, and exceed 1 by as much.
    """

    ids: Ids
    scores: Vectors

    def row(self, query: int) -> tuple[Neighbour, ...]:
        """The hits of one query without padding."""
        pairs = zip(self.ids[query].tolist(), self.scores[query].tolist(), strict=True)
        return tuple(Neighbour(id_, score) for id_, score in pairs if id_ != PADDING_ID)

    def __len__(self) -> int:
        """Number of queries."""
        return int(self.ids.shape[0])


@runtime_checkable
class VectorIndex(Protocol):
    """Unit vectors under article ids, searched by inner product.

    Every method may be called from any thread. A call that raises has changed nothing.
    """

    @property
    def dimension(self) -> int:
        """Length of every vector."""
        ...

    @property
    def artifact(self) -> str:
        """Fingerprint of the model artifact that made the vectors. Vectors of two artifacts never meet in one index."""
        ...

    def __len__(self) -> int:
        """Number of vectors held."""
        ...

    def ids(self) -> Ids:
        """All ids, ascending, int64 (n,); a copy."""
        ...

    def vectors(self, ids: Ids) -> Vectors:
        """The vectors held under ``ids`` (n,), in that order: float32 (n, dimension), a copy.

        Raises BadIds (also for an id that is not held).
        """
        ...

    def add(self, ids: Ids, vectors: AnyFloats) -> None:
        """Add ``vectors`` (n, dimension) under new ``ids`` (n,).

        Raises BadIds, BadVectors, DuplicateIds.
        """
        ...

    def remove(self, ids: Ids) -> int:
        """Remove all ``ids`` (n,) in one pass and return how many were there; unknown ids are no error.

        Hand over many at once: one pass moves the whole table. Raises BadIds.
        """
        ...

    def replace(self, ids: Ids, vectors: AnyFloats) -> None:
        """Put ``vectors`` under ``ids`` whether those are there already or not; no search sees a state in between.

        Raises BadIds, BadVectors, DuplicateIds (an id twice in this call).
        """
        ...

    def search(self, queries: AnyFloats, k: int) -> Neighbours:
        """The ``k`` best of each of ``queries`` (q, dimension); padded where fewer than ``k`` are held.

        Raises BadVectors, IndexInputError (``k`` below 1).
        """
        ...

    def save(self, folder: Path, watermark: int) -> None:
        """Replace what ``folder`` holds with this index, atomically and durably.

        ``watermark`` says up to which SQL row the index is complete: read it *before* this call, then rows added
        meanwhile are at worst replayed once more (with ``replace``), never lost. Raises OSError (the older saved index
        stays), IndexInputError (negative watermark).
        """
        ...
