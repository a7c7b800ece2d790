"""Everything this room raises on purpose.

::

    VectorIndexError
    ├── IndexInputError (also ValueError)   the arrays or numbers handed in; nothing was changed
    │   ├── BadIds                          not integers, negative, or more rows than vectors
    │   ├── BadVectors                      wrong shape or dimension, not finite, not of length 1
    │   └── DuplicateIds                    an id twice in one call, or already in the index
    └── SavedIndexError                     what lies in the folder cannot be used: rebuild it from SQL
        ├── IndexMissing                    no manifest there
        ├── IndexCorrupt                    a checksum, the count or the format is wrong
        └── IndexForeign                    made by another artifact, dimension, engine or newer schema

Trouble of the file system itself (no permission, disk full) stays the ``OSError`` it is.
"""

from __future__ import annotations


class VectorIndexError(Exception):
    """Root of the tree."""


class IndexInputError(VectorIndexError, ValueError):
    """An argument is not what the method takes. The index is as it was before the call."""


class BadIds(IndexInputError):  # noqa: N818
    """Ids must be a one-dimensional array of integers from 0 to 2**63-1, one for each vector."""


class BadVectors(IndexInputError):  # noqa: N818
    """Vectors must be finite floats of shape (n, dimension) and length 1."""


class DuplicateIds(IndexInputError):  # noqa: N818
    """An id is given twice or is in the index already. FAISS would accept it and find both."""


class SavedIndexError(VectorIndexError):
    """The saved index cannot be used; it is a cache, so rebuild it from SQL."""


class IndexMissing(SavedIndexError):  # noqa: N818
    """Nothing was ever saved in this folder."""


class IndexCorrupt(SavedIndexError):  # noqa: N818
    """The bytes on disk are not the bytes that were saved."""


class IndexForeign(SavedIndexError):  # noqa: N818
    """A sound index, but not this one: another artifact, dimension, engine, or a newer schema."""
