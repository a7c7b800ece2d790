"""How far a quantised graph strays from the fp32 graph, in the figures that matter to a threshold."""

from __future__ import annotations

from importlib.resources import files

import numpy as np

from ._artifact import Parity
from ._encoder import Vectors
from ._errors import ParityTooLow
from ._settings import ParityFloor


def parity_texts() -> tuple[str, ...]:
    """The packaged sentences: invented English and Russian news, pairs of one meaning, short and long."""
    return _packaged("parity.txt")


def calibration_texts() -> tuple[str, ...]:
    """The packaged news on which fixed scales are measured, of fifteen languages: none of the parity's."""
    return _packaged("calibration.txt")


def _packaged(name: str) -> tuple[str, ...]:
    content = (files(__package__) / "data" / name).read_text(encoding="utf-8")
    return tuple(line for line in content.splitlines() if line and not line.startswith("#"))


def measure_parity(reference: Vectors, candidate: Vectors) -> Parity:
    """Compare two arrays of unit rows (texts, dimension) of the same texts."""
    if reference.shape != candidate.shape or len(reference) < 2:
        raise ValueError(
            f"two arrays of one shape with at least 2 rows are needed, got {reference.shape}, {candidate.shape}"
        )
    cosines = np.einsum("ij,ij->i", reference.astype(np.float64), candidate.astype(np.float64))
    shifts = np.abs(reference @ reference.T - candidate @ candidate.T)[np.triu_indices(len(reference), 1)]
    return Parity(
        texts=len(reference),
        mean_cosine=round(float(cosines.mean()), 6),
        min_cosine=round(float(cosines.min()), 6),
        mean_pairwise_shift=round(float(shifts.mean()), 6),
        max_pairwise_shift=round(float(shifts.max()), 6),
    )


def require_parity(parity: Parity, floor: ParityFloor, model: str) -> None:
    """Raise ParityTooLow with the figures when one of them misses the floor. NaN misses it."""
    kept = (
        parity.mean_cosine >= floor.min_mean_cosine
        and parity.min_cosine >= floor.min_cosine
        and parity.max_pairwise_shift <= floor.max_pairwise_shift
    )
    if not kept:
        raise ParityTooLow(
            f"{model}: the quantised graph misses the floor on {parity.texts} texts: "
            f"mean cosine {parity.mean_cosine:.4f} (floor {floor.min_mean_cosine}), "
            f"lowest cosine {parity.min_cosine:.4f} (floor {floor.min_cosine}), "
            f"largest pairwise shift {parity.max_pairwise_shift:.4f} (at most {floor.max_pairwise_shift}). "
            "Nothing was stored. Use precision='fp32', or lower the floor if you know why."
        )
