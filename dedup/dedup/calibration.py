"""What was measured of a space, kept beside its model: the scale of its scores, and thresholds chosen on labelled news.

One JSON file for each space, `spaces/<space>.json` in the folder of the prepared models. A space is one artifact
reading one view, so nothing measured on one model ever meets another's scores. A calibration also names the verifier's
weights that it was made with: with other weights it says nothing and is not used.
"""

from __future__ import annotations

import hashlib
import json
import logging
import math
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dedup._errors import CalibrationError
from dedup.config import Config
from dedup.space import Scale
from dedup.verdict import VerdictLimits, Verifier, default_verifier

if TYPE_CHECKING:
    from dedup_accelerate import Artifact

log = logging.getLogger("dedup")

FOLDER = "spaces"


@dataclass(frozen=True, slots=True)
class Calibration:
    """Thresholds of one space, and how they were found.

    min_probability takes the place of `verdict.min_probability`. wanted_precision was asked for; precision, recall and
    f1 are those of the pairs they were chosen on: `pairs` of them, `same_pairs` of one event, `feedback_pairs` by
    editors. weights: digest of the verifier's decisive weights. made_at: ISO 8601.
    """

    space: str
    weights: str
    min_probability: float
    wanted_precision: float
    precision: float
    recall: float
    f1: float
    pairs: int
    same_pairs: int
    feedback_pairs: int
    data: tuple[str, ...]
    made_at: str


def kept_scale(artifact: Artifact, space: str, measure: Callable[[], Scale]) -> Scale:
    """The scale of a space as it was measured first on this machine; measuring takes about 350 texts.

    Raises CalibrationError when the model tells nothing apart.
    """
    stored = _read(_path(artifact, space)).get("scale")
    if stored is not None:
        with suppress(TypeError):  # of another version
            return Scale(**stored)
    scale = measure()
    if artifact.path.name:  # else it was made in memory and lies in no folder
        with suppress(OSError):  # a cache that may not be written to: the database keeps it
            _write(_path(artifact, space), {"scale": scale.to_dict()})
    return scale


def kept_calibration(artifact: Artifact, space: str, verifier: Verifier) -> Calibration | None:
    """The calibration of a space, `None` where there is none for these weights."""
    stored = _read(_path(artifact, space)).get("calibration")
    try:
        found = Calibration(**{**stored, "data": tuple(stored["data"])}) if stored else None
    except (TypeError, KeyError):
        log.warning("the calibration in %s is of another version and is not used", _path(artifact, space))
        return None
    if found is not None and (found.space != space or found.weights != weights_digest(verifier)):
        log.warning("the calibration in %s was made with other weights and is not used", _path(artifact, space))
        return None
    return found


def keep_calibration(artifact: Artifact, calibration: Calibration) -> Path:
    """Write a calibration where the service reads it. Raises CalibrationError where the folder cannot be written."""
    path = _path(artifact, calibration.space)
    try:
        _write(path, {"calibration": asdict(calibration)})
    except OSError as error:
        raise CalibrationError(f"cannot write the calibration to {path}: {error}") from error
    return path


def forget_calibration(artifact: Artifact, space: str) -> bool:
    """Take a calibration away; whether there was one. Raises CalibrationError where the folder cannot be written."""
    path = _path(artifact, space)
    if _read(path).get("calibration") is None:
        return False
    try:
        _write(path, {"calibration": None})
    except OSError as error:
        raise CalibrationError(f"cannot write {path}: {error}") from error
    return True


def limits_of(config: Config, artifact: Artifact, space: str) -> VerdictLimits:
    """The configured limits; where the space is calibrated, and `verdict.use_calibration`, with its threshold."""
    verdict, span = config.verdict, config.story.max_span_hours
    limits = VerdictLimits(verdict.near_copy_jaccard, verdict.min_probability, span)
    found = kept_calibration(artifact, space, default_verifier()) if config.verdict.use_calibration else None
    return limits if found is None else replace(limits, min_probability=found.min_probability)


def weights_digest(verifier: Verifier) -> str:
    """16 hex digits over the weights that decide; a new fit of likeness or near copies leaves calibrations valid."""
    decisive = [verifier.version, {kind: dict(weights) for kind, weights in verifier.weights.items()}]
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()[:16]


def rounded_down(threshold: float) -> float:
    """A threshold in six digits that still lets in what lies on it."""
    return math.floor(threshold * 1e6) / 1e6


def _path(artifact: Artifact, space: str) -> Path:
    return artifact.path.parent / FOLDER / f"{space}.json"


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        log.warning("cannot read %s: %s", path, error)
        return {}
    return found if isinstance(found, dict) else {}


def _write(path: Path, parts: dict[str, Any]) -> None:
    """Put these parts into the file and leave the others; the file is whole at any moment."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = json.dumps({**_read(path), **parts}, indent=1) + "\n"
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".part", delete=False, encoding="utf-8") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
