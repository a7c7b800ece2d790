"""Two sides and a cosine to a verdict, on the scale of their space."""

from __future__ import annotations

from dataclasses import replace

import pytest

from dedup.crowding import Surroundings
from dedup.judge import Judge
from dedup.profile import profile
from dedup.sides import Side
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


def test_one_outlet_rarely_tells_a_story_twice_in_other_words() -> None:
    text = "Strike ends at Lunholm; ferry sails after eleven days, its owner says, and the port is open again."
    back = "Lunholm's ferry is back: no strike any more, says its owner."
    a = replace(side("Calm at Lunholm"), profile=profile("Calm at Lunholm", text))
    b = replace(side("Relief at Lunholm"), profile=profile("Relief at Lunholm", back))
    found = {name: JUDGE.decide(a, replace(b, source=name), 0.95) for name in ("here", "there", "")}
    assert found["there"].verdict is Verdict.SAME_EVENT
    assert found["here"].verdict is Verdict.DISTINCT
    assert "one outlet" in found["here"].reason
    assert found["there"].probability == found[""].probability > found["here"].probability
    assert JUDGE.decide(a, a, 1.0).verdict is Verdict.NEAR_COPY


@pytest.mark.parametrize(
    ("hosts", "same"),
    [
        (("lunholm.example", "lunholm.example"), True),
        (("lunholm.example", ""), True),
        (("", ""), True),
        (("lunholm.example", "kelmouth.example"), False),  # a list of links to others
        (("gather.example", "gather.example"), False),
        (("news.gather.example", ""), False),
        (("forgather.example", "forgather.example"), True),
    ],
)
def test_a_source_that_gathers_what_others_write_is_no_outlet(hosts: tuple[str, str], same: bool) -> None:
    judge = replace(JUDGE, aggregators=("gather.example",))
    a, b = (replace(side("Ferry sails"), host=host) for host in hosts)
    assert judge.evidence(a, b, 0.5).same_source is same
    assert judge.evidence(replace(a, source=""), replace(b, source=""), 0.5).same_source is False


@pytest.mark.parametrize("lang", ["en", "ru"])
def test_the_less_crowded_side_counts_and_of_what_is_usual_both(lang: str) -> None:
    # On the scale of one language a cosine of 0.5 is 0.5, and 0.74 is 0.9.
    lone, crowded = Surroundings((0.5,) * 20, 0.26), Surroundings((0.74,) * 20, 0.38)
    a = replace(side("Ferry to Lunholm runs"), around=lone)
    b = replace(side("Ferry sails"), lang=lang, around=crowded)
    both, one = JUDGE.evidence(a, b, 0.5), JUDGE.evidence(replace(a, around=None), b, 0.5)
    neither = JUDGE.evidence(replace(a, around=None), replace(b, around=None), 0.5)
    assert (both.crowding, both.usual) == pytest.approx((0.5, 0.2))
    assert (one.crowding, one.usual) == pytest.approx((0.9, 0.3))
    assert (neither.crowding, neither.usual) == (None, None)


def test_the_other_side_of_a_pair_is_none_of_its_crowd() -> None:
    a = replace(side("Ferry to Lunholm runs"), around=Surroundings((0.74, 0.5, 0.5), 0.3))
    assert JUDGE.evidence(a, side("Ferry sails"), 0.74).crowding == pytest.approx(0.5)
    assert JUDGE.evidence(a, side("Ferry sails"), 0.6).crowding == pytest.approx(0.7)
