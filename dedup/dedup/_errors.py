"""Everything `dedup` raises on purpose.

    DedupError
    ├── ConfigError          the configuration cannot be used: which key, which file, what is allowed
    ├── StoreError
    │   ├── SchemaTooNew     the database was written by a newer version; nothing is touched
    │   ├── SchemaMissing    the database has no tables yet and is not a new SQLite file
    │   └── StoreUnavailable the database cannot be opened, is read-only or is full
    │       └── StoreBusy    somebody else holds a lock for too long; trying again may help
    ├── NotFound             no article, story or feed with that id
    ├── FeedRefused          a feed cannot be added, changed or removed: why
    ├── ImportFailed         a row of an import file cannot be used: which line, why
    ├── FeedbackRefused      an editor's word contradicts an earlier one, or speaks of what is not there: what to do
    ├── CorpusError          a file of labelled news cannot be used: which line, why
    ├── PlotMissing          a report needs the [plot] extra
    ├── ParityImpossible     an artifact and its fp32 original cannot be compared: why
    ├── ParityMissed         an artifact does not decide as its fp32 original does: by how much
    └── CalibrationError     no score scale for this model artifact, or the pairs do not separate

Each carries a message that says what, where and what to do; the command line prints it as one line and exits with 1.
"""

from __future__ import annotations


class DedupError(Exception):
    """Base of all errors of the service."""


class ConfigError(DedupError):
    """The configuration cannot be used."""


class StoreError(DedupError):
    """Something about the database."""


class SchemaTooNew(StoreError):  # noqa: N818
    """The database was written by a newer version of the program."""


class SchemaMissing(StoreError):  # noqa: N818
    """The database has no tables yet."""


class StoreUnavailable(StoreError):  # noqa: N818
    """The database cannot be opened or written."""


class StoreBusy(StoreUnavailable):
    """A lock was not had in time, or two writers waited for each other."""


class NotFound(DedupError):  # noqa: N818
    """No row with that id."""


class FeedRefused(DedupError):  # noqa: N818
    """A feed cannot be added, changed or removed as it was asked for."""


class ImportFailed(DedupError):  # noqa: N818
    """A row of an import file cannot be used."""


class FeedbackRefused(DedupError):  # noqa: N818
    """An editor's word cannot be followed as things stand."""


class CorpusError(DedupError):
    """A file of labelled news cannot be used."""


class PlotMissing(DedupError):  # noqa: N818
    """What draws reports is not installed."""


class ParityImpossible(DedupError):  # noqa: N818
    """An artifact and its fp32 original cannot be compared."""


class ParityMissed(DedupError):  # noqa: N818
    """An artifact does not decide as its fp32 original does."""


class CalibrationError(DedupError):
    """No usable score scale for a model artifact."""
