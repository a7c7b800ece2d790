"""A space of embeddings: one model artifact, one view of the articles, and the scale of its scores.

Cosines of two artifacts do not mean the same (title F1 falls from 0.719 to 0.688 when a threshold tuned on fp32 meets
int8), so every space measures itself on packaged calibration texts: 0 is the mean cosine of unrelated texts, 1 that of
two independent tellings of one event; once for texts of one language and once across languages.

Encoders also write the language itself into their vectors: in twelve languages the same document recalls its
translations by one cosine threshold with F1 .76, and .93 once the directions in which languages differ are taken out
(language information removal: Yang, Yang, Cer, Darve, EMNLP 2021). Those directions are measured on packaged parallel
texts and removed from every vector of the space; that needs no language label, and SemEval-2022's grades follow the
cosine with r = .75 instead of .66.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
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
    """The score scale of a space: mean cosine of unrelated and of same-event pairs, in one language and across.

    `languages` holds what `project` takes out of every vector: the mean of all languages and the orthonormal directions
    in which they differ, as base64 of little-endian float32 rows; empty: vectors stay as the encoder made them.
    """

    unrelated: float
    same: float
    unrelated_across: float
    same_across: float
    texts: int
    languages: str = ""

    def project(self, vectors: Vectors) -> Vectors:
        """Vectors of the encoder (n, d) as the space keeps them: without their language, unit length again."""
        return without_language(vectors, _rows(self.languages)) if self.languages else vectors

    def scaled(self, cosine: float, *, translation: bool) -> float:
        """0 as unrelated texts, 1 as two tellings of one event."""
        low, high = self._ends(translation)
        return (cosine - low) / (high - low)

    def unscaled(self, scaled: float, *, translation: bool) -> float:
        """The cosine of a scaled value."""
        low, high = self._ends(translation)
        return low + scaled * (high - low)

    def cosine(self, scaled: float) -> float:
        """The lowest cosine that can reach a scaled value, in one language or across."""
        return min(self.unscaled(scaled, translation=translation) for translation in (False, True))

    def _ends(self, translation: bool) -> tuple[float, float]:
        return (self.unrelated_across, self.same_across) if translation else (self.unrelated, self.same)

    def to_dict(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in self.__slots__}


def space_id(artifact_fingerprint: str, view: View) -> str:
    """Identity of a space: 64 hex characters over the artifact, the view, and the texts it is measured on."""
    return hashlib.sha256(f"{artifact_fingerprint}\0{view.name}\0{_texts_digest()}".encode()).hexdigest()


def calibration_rows() -> list[dict[str, str]]:
    """The packaged calibration texts: each event told twice in English and twice in Russian."""
    return _packaged("calibration.jsonl")


def language_rows() -> list[dict[str, str]]:
    """The packaged parallel texts: the same sixteen events once in each of twelve languages."""
    more = _packaged("languages.jsonl")
    events, told = {row["event"] for row in more}, set()
    for row in calibration_rows():
        if row["event"] in events and (row["event"], row["lang"]) not in told:
            told.add((row["event"], row["lang"]))
            more.append(row)
    return more


def without_language(vectors: Vectors, rows: Vectors) -> Vectors:
    """Take the mean `rows[0]` and the directions `rows[1:]` out of vectors (n, d); unit length again."""
    centred = vectors - rows[0]
    centred = centred - (centred @ rows[1:].T) @ rows[1:]
    norms = np.linalg.norm(centred, axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(norms, 1e-12), dtype=np.float32)


def language_directions(vectors: Vectors, langs: Sequence[str]) -> Vectors:
    """Rows for `without_language`, from vectors (n, d) of the same texts in every language."""
    named = np.array(langs)
    means = np.stack([vectors[named == lang].mean(axis=0) for lang in sorted(set(langs))])
    middle = means.mean(axis=0)
    # The means of k languages differ in k - 1 directions.
    directions = np.linalg.svd(means - middle, full_matrices=False)[2][: len(means) - 1]
    return np.asarray(np.vstack([middle, directions]), dtype=np.float32)


def measure_scale(encode: Callable[[Sequence[str]], Vectors], view: View) -> Scale:
    """Measure the scale of an encoder on the packaged texts.

    Raises:
        CalibrationError: the model does not tell the same event from another (random weights, wrong tokenizer).
    """
    rows, parallel = calibration_rows(), language_rows()
    seen = [view.text(row["title"], row["text"], row["lang"]) for row in (*rows, *parallel)]
    vectors = encode(seen)
    directions = language_directions(vectors[len(rows) :], [row["lang"] for row in parallel])
    vectors = without_language(vectors[: len(rows)], directions)
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
    packed = base64.b64encode(directions.astype("<f4").tobytes()).decode("ascii")
    return Scale(means[0], means[1], means[2], means[3], len(rows), f"{len(directions)}:{packed}")


@lru_cache(maxsize=16)
def _rows(packed: str) -> Vectors:
    count, _, blob = packed.partition(":")
    return np.frombuffer(base64.b64decode(blob), dtype="<f4").reshape(int(count), -1).astype(np.float32)


def _packaged(name: str) -> list[dict[str, str]]:
    lines = (Path(__file__).parent / "data" / name).read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


@cache
def _texts_digest() -> str:
    """Of the packaged texts and of how they are used: another text gives another scale, so another space."""
    told = json.dumps([calibration_rows(), language_rows(), "without language 1"], ensure_ascii=False)
    return hashlib.sha256(told.encode()).hexdigest()
