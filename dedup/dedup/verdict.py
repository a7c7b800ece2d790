"""From evidence to a verdict. Pure: knows no model, no database.

The probability is a logistic regression over the evidence whose weights were fitted on labelled news by
`benchmarks/fit_verifier.py` and live in `data/verifier.json`. It reads the cosine on the model's own scale, never raw,
so a threshold tuned on one artifact is never applied to another's scores.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from pathlib import Path

from dedup.evidence import Evidence


class Verdict(StrEnum):
    """What two articles are to each other."""

    IDENTICAL = "identical"  # same normalised text
    NEAR_COPY = "near_copy"  # syndicated or lightly edited
    SAME_EVENT = "same_event"  # the same news in other words, or in another language
    DISTINCT = "distinct"

    @property
    def joins(self) -> bool:
        return self is not Verdict.DISTINCT


@dataclass(frozen=True, slots=True)
class VerdictLimits:
    """From where on two articles are joined; see `[verdict]` of config.toml."""

    near_copy_jaccard: float
    min_probability: float


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, the probability (0…1) that both articles tell one event, the evidence, and the reason in one line."""

    verdict: Verdict
    probability: float
    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True)
class Verifier:
    """A logistic regression by feature name. `semantic` has a cosine to read, `lexical` does not."""

    version: int
    semantic: dict[str, float]
    lexical: dict[str, float]

    def probability(self, evidence: Evidence) -> float:
        """The probability of one event, 0…1."""
        weights = self.lexical if evidence.scaled_cosine is None else self.semantic
        total = weights["bias"] + sum(
            weights[name] * value for name, value in features(evidence).items() if name in weights
        )
        return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, total))))


@cache
def default_verifier() -> Verifier:
    """The weights that travel with the package."""
    raw = json.loads((Path(__file__).parent / "data" / "verifier.json").read_text(encoding="utf-8"))
    return Verifier(raw["version"], raw["semantic"], raw["lexical"])


def features(evidence: Evidence) -> dict[str, float]:
    """What the regression reads, by name; missing parts are neutral values with a flag of their own."""
    cosine = evidence.scaled_cosine
    scaled = 0.0 if cosine is None else max(-0.5, min(1.5, cosine))
    names, numbers = evidence.name_support, evidence.number_support
    return {
        "scaled_cosine": scaled,
        "scaled_cosine_above": max(0.0, scaled - 0.8),
        "jaccard": evidence.jaccard,
        "containment": evidence.containment,
        "title_overlap": evidence.title_overlap,
        "word_support": 0.0 if evidence.word_support is None else evidence.word_support,
        "no_shared_name": 1.0 if names == 0.0 else 0.0,
        "cosine_across": scaled if evidence.translation else 0.0,
        "name_support": 0.0 if names is None else names - 0.5,
        "no_names": 1.0 if names is None else 0.0,
        "number_support": 0.0 if numbers is None else numbers - 0.5,
        "conflicting_numbers": min(2, len(evidence.conflicting_numbers)) / 2,
        "negation_differs": 1.0 if evidence.negation_differs else 0.0,
        "conflicts": min(2, len(evidence.conflicts)) / 2,
        "hours": 0.0 if evidence.hours_apart is None else math.log1p(min(evidence.hours_apart, 240)) / 5.5,
        "no_time": 1.0 if evidence.hours_apart is None else 0.0,
        "translation": 1.0 if evidence.translation else 0.0,
    }


def decide(evidence: Evidence, *, same_text: bool, limits: VerdictLimits, verifier: Verifier) -> Decision:
    """The verdict on two articles.

    `same_text` says that their normalised texts are equal. A conflict of facts always separates two texts that are not
    the same: a missed join is cheaper than a false one.
    """
    if same_text:
        return Decision(Verdict.IDENTICAL, 1.0, evidence, "same text after normalisation")
    probability = verifier.probability(evidence)
    if evidence.conflicts:
        return Decision(Verdict.DISTINCT, min(probability, 1 - probability), evidence, "; ".join(evidence.conflicts))
    if evidence.jaccard >= limits.near_copy_jaccard:
        return Decision(Verdict.NEAR_COPY, max(probability, limits.min_probability), evidence, _say(evidence))
    if evidence.scaled_cosine is not None and probability >= limits.min_probability:
        return Decision(Verdict.SAME_EVENT, probability, evidence, _say(evidence))
    return Decision(Verdict.DISTINCT, probability, evidence, "not enough in common: " + _say(evidence))


def _say(evidence: Evidence) -> str:
    parts = []
    if evidence.translation:
        parts.append("other language")
    if evidence.jaccard >= 0.2:
        parts.append(f"{evidence.jaccard:.0%} of the wording shared")
    if evidence.cosine is not None:
        parts.append(f"cosine {evidence.cosine:.2f}")
    if evidence.shared_names:
        parts.append("names " + ", ".join(evidence.shared_names[:4]))
    if evidence.shared_numbers:
        parts.append("numbers " + ", ".join(evidence.shared_numbers[:4]))
    if evidence.conflicting_numbers:
        parts.append("but numbers " + ", ".join(evidence.conflicting_numbers[:2]))
    return "; ".join(parts) or "nothing in common"
