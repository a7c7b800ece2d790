"""From evidence to a verdict. Pure: knows no model, no database.

The probability is a logistic regression over the evidence whose weights were fitted on labelled news by
`benchmarks/fit_verifier.py` and live in `data/verifier.json`; there is one for each kind of pair. It reads the cosine
on the model's own scale, never raw, so a threshold tuned on one artifact is never applied to another's scores.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path

from dedup.evidence import Evidence

# Scaled mean cosine of the nearest others from which on a place is crowded: there a pair must be nearer.
CROWDED = 1.4
# How near anything comes to an article, where nothing is known of what is around: a little more than the median of two
# days of real news, .26.
USUALLY_NEAR = 0.3
# Scaled cosine up to which two texts have nothing in common: up to there a nearer one is hardly more alike.
RELATED = 0.5
# Words of the shorter article from which on its wording is known. Below, feeds show a summary, or the beginning.
WHOLE_WORDS = 100


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
    """From where on two articles are joined; see `[verdict]` and `[story]` of config.toml."""

    near_copy_jaccard: float
    min_probability: float
    max_span_hours: float = math.inf


@dataclass(frozen=True, slots=True)
class Decision:
    """A verdict, the probability (0…1) that both articles tell one event, the evidence, and the reason in one line."""

    verdict: Verdict
    probability: float
    evidence: Evidence
    reason: str


@dataclass(frozen=True, slots=True)
class Verifier:
    """Logistic regressions by feature name, one for each kind of pair (see `kind_of`).

    likeness_weights: linear regressions on what readers graded, "texts" and "across" (two languages),
        each once more "with titles".
    copy_weights: logistic regressions on what is known to be copied, "whole", "part" and "headlines".
    """

    version: int
    weights: Mapping[str, Mapping[str, float]]
    likeness_weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    copy_weights: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    def probability(self, evidence: Evidence) -> float:
        """The probability of one event, 0…1."""
        return _logistic(self.weights[kind_of(evidence)], evidence)

    def near_copy(self, evidence: Evidence) -> float:
        """The probability, 0…1, that the two whole texts share 0.7 or more of their shingles of five words.

        Of two whole texts it is all but known. A feed that shows summaries or headlines leaves it open: copies are
        often cut, and put under a headline of their own. No two languages share a wording. Without weights, the share
        of the wording that is seen.
        """
        if evidence.translation:
            return 0.0
        weights = self.copy_weights.get(copy_kind_of(evidence))
        return evidence.jaccard if weights is None else _logistic(weights, evidence)

    def likeness(self, evidence: Evidence) -> float:
        """How alike readers would call the two, 0 (nothing in common) … 1 (the same news): a grade, not a probability.

        A probability is near 0 for related news of one topic, which readers find half alike. Without a cosine, or
        weights to read it, the probability. It is surest where the titles were embedded, too (`Judge.with_titles`).
        """
        kind = "across" if evidence.translation else "texts"
        weights = self.likeness_weights.get(kind if evidence.title_cosine is None else f"{kind} with titles")
        if weights is None or evidence.scaled_cosine is None:
            return self.probability(evidence)
        found = features(evidence)
        return max(0.0, min(1.0, sum(weight * found[name] for name, weight in weights.items())))


@cache
def default_verifier() -> Verifier:
    """The weights that travel with the package."""
    raw = json.loads((Path(__file__).parent / "data" / "verifier.json").read_text(encoding="utf-8"))
    return Verifier(raw["version"], raw["weights"], raw["likeness_weights"], raw["copy_weights"])


def kind_of(evidence: Evidence) -> str:
    """Which regression reads a pair: what the same cosine means hangs on what there is to compare.

    "lexical": no cosine. "across": two languages. "headlines": nothing but headlines. "texts": all others.
    """
    if evidence.scaled_cosine is None:
        return "lexical"
    if evidence.translation:
        return "across"
    return "headlines" if evidence.headlines_only else "texts"


def copy_kind_of(evidence: Evidence) -> str:
    """Which regression says whether one is a copy: what the same share of wording means hangs on how much is seen."""
    if evidence.headlines_only:
        return "headlines"
    return "whole" if evidence.words is None or evidence.words >= WHOLE_WORDS else "part"


def features(evidence: Evidence) -> dict[str, float]:
    """What the regressions read, by name; what is not known is neutral."""
    cosine = evidence.scaled_cosine or 0.0
    usual = USUALLY_NEAR if evidence.usual is None else evidence.usual
    return {
        "bias": 1.0,
        "low_cosine": min(cosine, RELATED),
        "crowding": max(0.0, (evidence.crowding or 0.0) - CROWDED),
        "margin": cosine - usual,
        "name_cosine": evidence.name_cosine or 0.0,
        "word_cosine": evidence.word_cosine or 0.0,
        "number_support": 0.0 if evidence.number_support is None else evidence.number_support - 0.5,
        "jaccard": evidence.jaccard,
        "containment": evidence.containment,
        "title_overlap": evidence.title_overlap,
        "heading_support": evidence.heading_support or 0.0,
        "conflicts": min(2, len(evidence.conflicts)) / 2,
        "no_names": 1.0 if evidence.name_support is None else 0.0,
        "translation": 1.0 if evidence.translation else 0.0,
        "same_source": 1.0 if evidence.same_source else 0.0,
        "title_cosine": evidence.title_cosine or 0.0,
        "crossed_cosine": evidence.crossed_cosine or 0.0,
    }


def decide(evidence: Evidence, *, same_text: bool, limits: VerdictLimits, verifier: Verifier) -> Decision:
    """The verdict on two articles.

    `same_text` says that their normalised texts are equal. A conflict of facts, and more time than a story may span,
    always separate two texts that are not the same: a missed join is cheaper than a false one.
    """
    if same_text:
        return Decision(Verdict.IDENTICAL, 1.0, evidence, "same text after normalisation")
    probability = verifier.probability(evidence)
    if evidence.conflicts:
        return Decision(Verdict.DISTINCT, min(probability, 1 - probability), evidence, "; ".join(evidence.conflicts))
    if evidence.hours_apart is not None and evidence.hours_apart > limits.max_span_hours:
        reason = f"{evidence.hours_apart / 24:.0f} days apart; one story spans {limits.max_span_hours / 24:.0f} at most"
        return Decision(Verdict.DISTINCT, min(probability, 1 - probability), evidence, reason)
    if evidence.jaccard >= limits.near_copy_jaccard:
        return Decision(Verdict.NEAR_COPY, max(probability, limits.min_probability), evidence, _say(evidence))
    # Emoji and punctuation have vectors too, all near one another.
    wordless = evidence.word_cosine is None and evidence.name_cosine is None and not evidence.translation
    if evidence.scaled_cosine is not None and probability >= limits.min_probability and not wordless:
        return Decision(Verdict.SAME_EVENT, probability, evidence, _say(evidence))
    return Decision(Verdict.DISTINCT, probability, evidence, "not enough in common: " + _say(evidence))


def _logistic(weights: Mapping[str, float], evidence: Evidence) -> float:
    found = features(evidence)
    total = sum(weight * found[name] for name, weight in weights.items())
    return 1.0 / (1.0 + math.exp(-max(-40.0, min(40.0, total))))


def _say(evidence: Evidence) -> str:
    parts = []
    if evidence.translation:
        parts.append("other language")
    if evidence.same_source:
        parts.append("one outlet")
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
