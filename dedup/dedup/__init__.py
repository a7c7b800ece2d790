"""News de-duplication as a service: feeds in, stories out, each join with its evidence.

    from dedup import Deduplicator, load_config

    with Deduplicator.open(load_config()) as service:
        for match in service.similar(title="Central bank raises its key rate"):
            print(match.verdict, match.probability, match.article.title, match.reason)

Importing the package loads neither the model's run time, nor FAISS, nor SQLAlchemy; what needs them imports them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dedup._errors import (
    CalibrationError,
    ConfigError,
    CorpusError,
    DedupError,
    FeedbackRefused,
    FeedRefused,
    ImportFailed,
    NotFound,
    ParityImpossible,
    ParityMissed,
    PlotMissing,
    SchemaMissing,
    SchemaTooNew,
    StoreBusy,
    StoreError,
    StoreUnavailable,
)

if TYPE_CHECKING:
    from dedup.config import Config, load_config
    from dedup.service import Deduplicator
    from dedup.verdict import Verdict

__all__ = [
    "CalibrationError",
    "Config",
    "ConfigError",
    "CorpusError",
    "DedupError",
    "Deduplicator",
    "FeedRefused",
    "FeedbackRefused",
    "ImportFailed",
    "NotFound",
    "ParityImpossible",
    "ParityMissed",
    "PlotMissing",
    "SchemaMissing",
    "SchemaTooNew",
    "StoreBusy",
    "StoreError",
    "StoreUnavailable",
    "Verdict",
    "load_config",
]

_LAZY = {
    "Config": "dedup.config",
    "Deduplicator": "dedup.service",
    "Verdict": "dedup.verdict",
    "load_config": "dedup.config",
}


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        from importlib import import_module

        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
