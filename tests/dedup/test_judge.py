"""Two sides and a cosine to a verdict, on the scale of their space."""

from __future__ import annotations

import pytest

from dedup.evidence import Side
from dedup.judge import Judge
from dedup.profile import profile
from dedup.space import Scale
from dedup.verdict import Verdict, VerdictLimits, default_verifier

# Cosines run from 0.2 (unrelated) to 0.8 in one language, from 0.1 to 0.6 across.
JUDGE = Judge(Scale(0.2, 0.8, 0.1, 0.6, 10), VerdictLimits(0.5, 0.5), default_verifier())


def side(title: str, lang: str = "en", fingerprint: str = "") -> Side:
    return Side(title, profile(title, ""), lang, "here", None, fingerprint)


@pytest.mark.parametrize(("lang", "scaled"), [("en", 0.5), ("und", 0.5), ("ru", 0.8)])
def test_a_cosine_is_read_on_the_scale_of_one_language_or_of_two(lang: str, scaled: float) -> None:
    decision = JUDGE.decide(side("Ferry to Lunholm runs again"), side("Ferry to Lunholm runs again", lang), 0.5)
    assert decision.evidence.scaled_cosine == pytest.approx(scaled)
    assert decision.evidence.translation is (lang == "ru")


def test_the_order_of_the_two_sides_changes_nothing() -> None:
    a, b = side("Ferry to Lunholm runs again after strike"), side("Strike ends at Lunholm; ferry sails")
    one, other = JUDGE.decide(a, b, 0.7), JUDGE.decide(b, a, 0.7)
    assert (one.verdict, one.probability) == (other.verdict, other.probability)


def test_equal_fingerprints_are_one_text_and_unknown_ones_are_not() -> None:
    a, b = side("Rates rise", fingerprint="f1"), side("Rates rise", fingerprint="f1")
    assert JUDGE.decide(a, b, None).verdict is Verdict.IDENTICAL
    assert JUDGE.decide(side("Ferry sails"), side("Rates rise"), None).verdict is Verdict.DISTINCT


def test_without_a_cosine_only_shared_wording_joins() -> None:
    text = "The ferry to Lunholm runs again after a strike of eleven days, the port said on Monday"
    assert JUDGE.decide(side(text), side(text + " evening"), None).verdict is Verdict.NEAR_COPY
    assert JUDGE.decide(side(text), side("Strike ends at Lunholm; ferry sails"), None).verdict is Verdict.DISTINCT
