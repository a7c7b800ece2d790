"""Vectors in, neighbours out, behind one ``VectorIndex`` protocol. Knows articles by their id only.

``FlatIndex`` is the exact engine in this process; FAISS is imported when the first one is made.
"""

from ._checks import UNIT_TOLERANCE
from ._errors import (
    BadIds,
    BadVectors,
    DuplicateIds,
    IndexCorrupt,
    IndexForeign,
    IndexInputError,
    IndexMissing,
    SavedIndexError,
    VectorIndexError,
)
from ._flat import FlatIndex, SavedIndex, load_index
from ._protocol import Neighbour, Neighbours, VectorIndex
from ._threshold import neighbours_above, neighbours_above_each

__all__ = [
    "UNIT_TOLERANCE",
    "BadIds",
    "BadVectors",
    "DuplicateIds",
    "FlatIndex",
    "IndexCorrupt",
    "IndexForeign",
    "IndexInputError",
    "IndexMissing",
    "Neighbour",
    "Neighbours",
    "SavedIndex",
    "SavedIndexError",
    "VectorIndex",
    "VectorIndexError",
    "load_index",
    "neighbours_above",
    "neighbours_above_each",
]
