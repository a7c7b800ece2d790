"""A space of embeddings: one model artifact, one view of the articles, and the scale of its scores.

Cosines of two artifacts do not mean the same (title F1 falls from 0.719 to 0.688 when a threshold tuned on fp32 meets
int8), so every space measures itself on packaged calibration texts: 0 is the mean cosine of unrelated texts, 1 that of
two independent tellings of one event; once for texts of one language and once across languages.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dedup._errors import CalibrationError

Vectors = NDArray[np.float32]

# Below this distance between the two means, in standard deviations of unrelated pairs, a model tells nothing apart.
MIN_SEPARATION = 1.0


@dataclass(frozen=True, slots=True)
class View:
    """What the encoder sees of an article; see `[encode]` of config.toml."""

    kind: str
    lead_words: int
    clean: bool

    @property
    def name(self) -> str:
        """Stable name, part of the space's identity."""
        return f"{self.kind}{self.lead_words if self.kind == 'lead' else ''}{'-clean' if self.clean else ''}"

    def text(self, title: str, text: str, lang: str) -> str:
        """The string to encode; a title alone where there is no text, the text alone where there is no title."""
        if self.kind == "title" and title:
            seen = title
        else:
            body = text if self.kind == "body" else " ".join(text.split()[: self.lead_words])
            seen = f"{title}\n{body}".strip()
        if self.clean:
            from dedup_ingest import clean

            return clean(seen, lang)
        return seen


@dataclass(frozen=True, slots=True)
class Scale:
    """The score scale of a space: mean cosine of unrelated and of same-event pairs, in one language and across."""

    unrelated: float
    same: float
    unrelated_across: float
    same_across: float
    texts: int

    def scaled(self, cosine: float, *, translation: bool) -> float:
        """0 as unrelated texts, 1 as two tellings of one event."""
        low, high = (self.unrelated_across, self.same_across) if translation else (self.unrelated, self.same)
        return (cosine - low) / (high - low)

    def cosine(self, scaled: float) -> float:
        """The lowest cosine that can reach a scaled value, in one language or across."""
        return min(
            self.unrelated + scaled * (self.same - self.unrelated),
            self.unrelated_across + scaled * (self.same_across - self.unrelated_across),
        )

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def space_id(artifact_fingerprint: str, view: View) -> str:
    """Identity of a space: 64 hex characters over the artifact and the view."""
    return hashlib.sha256(f"{artifact_fingerprint}\0{view.name}".encode()).hexdigest()


def calibration_rows() -> list[dict[str, str]]:
    """The packaged calibration texts: each event told twice in English and twice in Russian."""
    path = Path(__file__).parent / "data" / "calibration.jsonl"
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def measure_scale(encode: Callable[[Sequence[str]], Vectors], view: View) -> Scale:
    """Measure the scale of an encoder on the packaged texts.

    Raises:
        CalibrationError: the model does not tell the same event from another (random weights, wrong tokenizer).
    """
    rows = calibration_rows()
    vectors = encode([view.text(row["title"], row["text"], row["lang"]) for row in rows])
    cosines = vectors @ vectors.T
    events = np.array([row["event"] for row in rows])
    twins = np.array([row.get("twin", "") for row in rows])
    langs = np.array([row["lang"] for row in rows])
    upper = np.triu(np.ones(cosines.shape, dtype=bool), k=1)
    same = (events[:, None] == events[None, :]) & upper
    related = (events[:, None] == twins[None, :]) | (twins[:, None] == events[None, :])
    unrelated = (events[:, None] != events[None, :]) & ~related & upper
    across = langs[:, None] != langs[None, :]
    means: list[float] = []
    for crossing in (~across, across):
        low, high = cosines[unrelated & crossing], cosines[same & crossing]
        if not high.mean() - low.mean() > MIN_SEPARATION * low.std():
            raise CalibrationError(
                f"this model cannot tell events apart: two tellings of one event have cosine {high.mean():.3f}, "
                f"unrelated texts {low.mean():.3f} ± {low.std():.3f}. Choose another model (`dedup model list`)"
            )
        means += [float(low.mean()), float(high.mean())]
    return Scale(means[0], means[1], means[2], means[3], len(rows))
