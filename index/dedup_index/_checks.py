"""What the arrays handed in must be, checked before an index is touched. Pure."""

from __future__ import annotations

import numpy as np

from ._errors import BadIds, BadVectors, DuplicateIds
from ._protocol import AnyFloats, Ids, Vectors

#: How far the length of a vector may be from 1. Embeddings are kept in SQL as float16, whose rounding (2**-11 of each
#: number) moves the length by up to 5e-4; a vector that was never normalised is off by far more.
UNIT_TOLERANCE = 1e-3


def checked_ids(ids: object) -> Ids:
    """``ids`` as contiguous int64 (n,). Raises BadIds."""
    given = np.asarray(ids)
    if given.ndim != 1:
        raise BadIds(f"ids must be one-dimensional, got shape {given.shape}")
    if given.size == 0:
        return np.empty(0, dtype=np.int64)
    if given.dtype.kind not in "iu":
        raise BadIds(f"ids must be integers, got {given.dtype}")
    if given.dtype.kind == "u" and int(given.max()) > np.iinfo(np.int64).max:
        raise BadIds(f"ids must fit into 63 bits, got {int(given.max())}")
    if int(given.min()) < 0:
        raise BadIds(f"ids must be 0 or more (-1 means 'no neighbour' in answers), got {int(given.min())}")
    return np.ascontiguousarray(given, dtype=np.int64)


def checked_vectors(vectors: AnyFloats, dimension: int, what: str = "vectors") -> Vectors:
    """``vectors`` as contiguous float32 (n, dimension), each of length 1 within UNIT_TOLERANCE. Raises BadVectors."""
    given = np.asarray(vectors)
    if given.ndim != 2 or given.shape[1] != dimension:
        raise BadVectors(f"{what} must have shape (n, {dimension}), got {given.shape}")
    if given.dtype.kind != "f":
        raise BadVectors(f"{what} must be floats, got {given.dtype}")
    rows = np.ascontiguousarray(given, dtype=np.float32)
    # Summed in float64: in float32 the squares of large finite numbers overflow and pass for infinities.
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows, dtype=np.float64))
    not_finite = np.flatnonzero(~np.isfinite(lengths))
    if not_finite.size:
        raise BadVectors(f"row {not_finite[0]} of {what} holds NaN or infinity ({not_finite.size} such rows)")
    off = np.flatnonzero(np.abs(lengths - 1.0) > UNIT_TOLERANCE)
    if off.size:
        raise BadVectors(
            f"row {off[0]} of {what} has length {lengths[off[0]]:.6g}, not 1 within {UNIT_TOLERANCE:g} "
            f"({off.size} such rows): normalise embeddings before indexing or searching them"
        )
    return rows


def checked_pairs(ids: object, vectors: AnyFloats, dimension: int) -> tuple[Ids, Vectors]:
    """Both, of equal length and with no id twice. Raises BadIds, BadVectors, DuplicateIds."""
    good_ids = checked_ids(ids)
    good_vectors = checked_vectors(vectors, dimension)
    if len(good_ids) != len(good_vectors):
        raise BadIds(f"{len(good_ids)} ids for {len(good_vectors)} vectors")
    unique, counts = np.unique(good_ids, return_counts=True)
    if len(unique) != len(good_ids):
        raise DuplicateIds(f"given twice in one call: {shown(unique[counts > 1].tolist())}")
    return good_ids, good_vectors


def shown(ids: list[int], at_most: int = 5) -> str:
    """The first few of ``ids`` for a message."""
    rest = len(ids) - at_most
    return ", ".join(map(str, ids[:at_most])) + (f" and {rest} more" if rest > 0 else "")
