"""From evidence to a verdict."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from dedup.evidence import Evidence
from dedup.results import ArticleView, MatchView
from dedup.verdict import (
    USUALLY_NEAR,
    Decision,
    Verdict,
    VerdictLimits,
    Verifier,
    decide,
    default_verifier,
    features,
    kind_of,
)

LIMITS = VerdictLimits(near_copy_jaccard=0.5, min_probability=0.6)
PLAIN = Evidence(
    cosine=0.88,
    scaled_cosine=1.2,
    usual=None,
    crowding=None,
    jaccard=0.15,
    containment=0.3,
    title_overlap=0.5,
    word_cosine=0.3,
    name_cosine=0.5,
    heading_support=0.5,
    name_support=1.0,
    number_support=1.0,
    shared_names=("Brenholt",),
    shared_numbers=("40",),
    conflicting_names=(),
    conflicting_numbers=(),
    negation_differs=False,
    conflicts=(),
    hours_apart=2.0,
    same_source=False,
    translation=False,
    headlines_only=False,
)


def verdict(same_text: bool = False, **changes: object) -> Verdict:
    evidence = dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]
    return decide(evidence, same_text=same_text, limits=LIMITS, verifier=default_verifier()).verdict


def test_the_same_text_is_identical_whatever_else_is_said() -> None:
    assert verdict(same_text=True, conflicts=("number 1 / 2",)) is Verdict.IDENTICAL


def test_shared_wording_without_conflict_is_a_near_copy_even_if_never_encoded() -> None:
    assert verdict(jaccard=0.8, cosine=None, scaled_cosine=None) is Verdict.NEAR_COPY


def test_a_conflict_separates_texts_that_share_their_wording() -> None:
    assert verdict(jaccard=0.95, conflicts=("number 0.25 / 0.5",)) is Verdict.DISTINCT


def test_a_conflict_separates_texts_with_cosine_one() -> None:
    assert verdict(cosine=1.0, scaled_cosine=1.5, conflicts=("only one headline is negated",)) is Verdict.DISTINCT


def test_look_alikes_of_different_years_are_no_one_story_and_a_text_printed_again_stays_identical() -> None:
    limits = dataclasses.replace(LIMITS, max_span_hours=240)
    for hours, joins in ((239.0, True), (241.0, False), (None, True)):
        evidence = dataclasses.replace(PLAIN, hours_apart=hours, jaccard=0.8)
        assert decide(evidence, same_text=False, limits=limits, verifier=default_verifier()).verdict.joins is joins
    late = dataclasses.replace(PLAIN, hours_apart=9000.0)
    decision = decide(late, same_text=False, limits=limits, verifier=default_verifier())
    assert (decision.reason, decision.probability < 0.5) == ("375 days apart; one story spans 10 at most", True)
    assert decide(late, same_text=True, limits=limits, verifier=default_verifier()).verdict is Verdict.IDENTICAL


def test_other_words_for_the_same_facts_are_the_same_event() -> None:
    assert verdict() is Verdict.SAME_EVENT


def test_texts_with_nothing_in_common_are_distinct() -> None:
    assert verdict(scaled_cosine=0.1, name_cosine=0.0, word_cosine=0.0, number_support=0.0) is Verdict.DISTINCT


def test_a_text_that_was_never_encoded_can_be_a_copy_but_never_the_same_event() -> None:
    assert verdict(cosine=None, scaled_cosine=None) is Verdict.DISTINCT


KINDS: dict[str, dict[str, Any]] = {
    "texts": {},
    "across": {"translation": True, "word_cosine": None},
    "headlines": {"headlines_only": True},
    "lexical": {"cosine": None, "scaled_cosine": None},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["scaled_cosine", "name_cosine", "word_cosine", "number_support", "containment"])
def test_more_agreement_never_lowers_the_probability(name: str, kind: str) -> None:
    steps = [0.0, 0.25, 0.5, 0.75, 1.0]
    verifier, plain = default_verifier(), dataclasses.replace(PLAIN, **KINDS[kind])
    if getattr(plain, name) is None:
        steps = [step for step in steps if name != "scaled_cosine"]
    found = [verifier.probability(dataclasses.replace(plain, **{name: step})) for step in steps]
    assert found == sorted(found)


def test_among_look_alikes_the_same_cosine_says_less() -> None:
    verifier = default_verifier()
    lonely, crowded = (verifier.probability(dataclasses.replace(PLAIN, crowding=crowding)) for crowding in (0.4, 1.8))
    assert crowded < lonely - 0.2


@pytest.mark.parametrize("kind", ["texts", "headlines", "across"])
def test_a_cosine_counts_from_how_near_anything_comes(kind: str) -> None:
    plain = dataclasses.replace(PLAIN, **KINDS[kind])
    lonely, among_many, both_nearer = (
        default_verifier().probability(dataclasses.replace(plain, scaled_cosine=cosine, usual=usual))
        for cosine, usual in ((1.1, 0.2), (1.1, 0.6), (1.5, 0.6))
    )
    assert among_many < lonely - 0.1
    assert both_nearer == pytest.approx(lonely)


def test_where_nothing_is_known_of_what_is_around_it_is_taken_for_usual() -> None:
    unknown, usual = (features(dataclasses.replace(PLAIN, usual=usual)) for usual in (None, USUALLY_NEAR))
    assert unknown == usual
    unknown, lonely = (features(dataclasses.replace(PLAIN, crowding=crowding)) for crowding in (None, 0.0))
    assert unknown == lonely


def test_a_cosine_of_texts_without_words_joins_nothing() -> None:
    assert verdict(cosine=1.0, scaled_cosine=1.8, word_cosine=None, name_cosine=None) is Verdict.DISTINCT


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_pair_is_read_by_its_own_regression(kind: str) -> None:
    assert kind_of(dataclasses.replace(PLAIN, **KINDS[kind])) == kind


def test_a_decision_can_be_made_again_with_other_limits() -> None:
    decision = decide(PLAIN, same_text=False, limits=LIMITS, verifier=default_verifier())
    strict = VerdictLimits(near_copy_jaccard=0.5, min_probability=decision.probability + 0.01)
    assert (
        decide(decision.evidence, same_text=False, limits=strict, verifier=default_verifier()).verdict
        is Verdict.DISTINCT
    )


def test_the_reason_names_what_joined_and_what_separated() -> None:
    joined = decide(PLAIN, same_text=False, limits=LIMITS, verifier=default_verifier())
    assert "Brenholt" in joined.reason
    apart = dataclasses.replace(PLAIN, conflicts=("number 6.25% / 6.5%",))
    assert "6.25% / 6.5%" in decide(apart, same_text=False, limits=LIMITS, verifier=default_verifier()).reason


def test_related_news_is_half_alike_and_no_one_event() -> None:
    related = dataclasses.replace(
        PLAIN, scaled_cosine=0.55, name_cosine=0.2, word_cosine=0.1, jaccard=0.0, containment=0.0
    )
    verifier = default_verifier()
    assert verifier.probability(related) < 0.1
    assert 0.2 < verifier.likeness(related) < verifier.likeness(PLAIN) <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_the_likeness_of_any_pair_is_between_nothing_and_the_same(kind: str) -> None:
    verifier, plain = default_verifier(), dataclasses.replace(PLAIN, **KINDS[kind])
    extremes = [{"scaled_cosine": plain.scaled_cosine and far, "name_cosine": far} for far in (-2.0, 3.0)]
    found = [verifier.likeness(dataclasses.replace(plain, **one)) for one in extremes]
    assert 0 <= found[0] < found[1] <= 1


def test_titles_that_mean_the_same_make_two_articles_more_alike_and_change_no_verdict() -> None:
    verifier = default_verifier()
    related = dataclasses.replace(PLAIN, scaled_cosine=0.55, name_cosine=0.2)
    far, near = (dataclasses.replace(related, title_cosine=value, crossed_cosine=value) for value in (0.1, 1.0))
    assert verifier.likeness(far) < verifier.likeness(near)
    assert verifier.probability(far) == verifier.probability(near) == verifier.probability(related)


def test_every_fitted_weight_belongs_to_a_feature_and_every_feature_is_read_by_some_kind() -> None:
    verifier = default_verifier()
    weights = verifier.weights
    assert set(weights) == set(KINDS)
    read = (*weights.values(), *verifier.likeness_weights.values(), *verifier.copy_weights.values())
    assert set().union(*read) == set(features(PLAIN))
    assert set(verifier.copy_weights) == {"whole", "part", "headlines"}
    assert "margin" not in weights["lexical"]


def copied(**changes: object) -> float:
    evidence = dataclasses.replace(PLAIN, **changes)  # type: ignore[arg-type]
    return told(decide(evidence, same_text=False, limits=LIMITS, verifier=default_verifier()))


def told(decision: Decision) -> float:
    """What a match with this decision says."""
    at = datetime(2026, 3, 12, tzinfo=UTC)
    return MatchView.of(ArticleView(1, "wire", "en", "", "", None, None, at, 1), decision).near_copy_probability


def test_whether_a_whole_text_was_copied_is_all_but_known() -> None:
    assert copied(jaccard=0.95, words=300) > 0.95
    assert copied(jaccard=0.5, words=300) < 0.05
    # What an earlier version stored says nothing of its length.
    assert copied(jaccard=0.95, words=None) == copied(jaccard=0.95, words=300)


def test_a_summary_leaves_open_whether_the_text_below_it_was_copied() -> None:
    assert copied(jaccard=0.5, words=300) < copied(jaccard=0.5, words=40) < 0.6
    assert copied(jaccard=0.95, words=40) < copied(jaccard=0.95, words=300)
    under_one_headline, under_two = (copied(jaccard=0.5, words=40, title_overlap=share) for share in (1.0, 0.0))
    assert under_two < under_one_headline


def test_one_headline_alone_makes_a_copy_likely_and_two_make_it_unlikely() -> None:
    alone = {"headlines_only": True, "words": 9}
    assert copied(jaccard=1.0, containment=1.0, title_overlap=1.0, **alone) > 0.8
    assert copied(jaccard=0.0, containment=0.0, title_overlap=0.2, **alone) < 0.2


def test_no_text_is_a_copy_of_one_in_another_language_and_the_same_text_always_is() -> None:
    assert copied(translation=True, jaccard=0.9) == 0.0
    decision = decide(PLAIN, same_text=True, limits=LIMITS, verifier=default_verifier())
    assert told(decision) == 1.0


def test_without_weights_for_copies_the_shared_wording_itself_is_told() -> None:
    assert Verifier(0, default_verifier().weights).near_copy(PLAIN) == PLAIN.jaccard
