"""Which story an article joins, which two are one, and which article stands for a story."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from tests.dedup.test_verdict import PLAIN

from dedup.clustering import Weight
from dedup.stories import (
    Candidate,
    Standing,
    StoryLimits,
    choose,
    link_refusal,
    refusal,
    representative,
    spread,
)
from dedup.verdict import Decision, Verdict

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
LIMITS = StoryLimits(
    max_size_articles=10,
    max_span_hours=48,
    min_representative_probability=0.3,
    min_mean_probability=0.5,
    max_conflict_share=0.1,
)
NEAR, FAR, CLASHING = Weight(0.8, True, False), Weight(0.1, False, False), Weight(0.8, False, True)


def decision(
    verdict: Verdict = Verdict.SAME_EVENT, probability: float = 0.8, conflicts: tuple[str, ...] = ()
) -> Decision:
    return Decision(verdict, probability, dataclasses.replace(PLAIN, conflicts=conflicts), "because")


def candidate(story_id: int = 1, **changes: object) -> Candidate:
    plain = Candidate(story_id, 2, NOON, NOON + timedelta(hours=1), 7, decision(), decision(), (NEAR, NEAR))
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def test_no_candidate_means_a_story_of_its_own() -> None:
    assert choose([], NOON, LIMITS) == []


def test_the_best_average_wins_over_the_nearest_member() -> None:
    near = candidate(
        1, decision=decision(probability=0.99), sample=(Weight(0.99, True, False), Weight(0.3, False, False))
    )
    even = candidate(2, sample=(NEAR, NEAR))
    assert choose([near, even], NOON, LIMITS) == [even, near]


def test_a_copy_outranks_a_report_in_other_words() -> None:
    copy = candidate(2, decision=decision(Verdict.NEAR_COPY, 0.7), sample=(Weight(0.7, True, False),))
    assert choose([candidate(1), copy], NOON, LIMITS)[0] == copy


def test_the_oldest_story_wins_a_draw() -> None:
    assert choose([candidate(5), candidate(3)], NOON, LIMITS)[0] == candidate(3)


def test_distinct_articles_are_never_joined() -> None:
    assert choose([candidate(decision=decision(Verdict.DISTINCT, 0.99))], NOON, LIMITS) == []


def test_one_near_member_is_a_chain_and_no_reason() -> None:
    chained = candidate(sample=(NEAR, FAR, FAR, FAR))
    assert "on average" in str(refusal(chained, NOON, LIMITS))


def test_facts_may_clash_with_few_members_and_not_with_many() -> None:
    assert refusal(candidate(sample=(CLASHING, *[NEAR] * 9)), NOON, LIMITS) is None
    assert "clash in 2 of 10" in str(refusal(candidate(sample=(CLASHING, CLASHING, *[NEAR] * 8)), NOON, LIMITS))


def test_a_full_story_takes_no_more() -> None:
    assert "10 articles" in str(refusal(candidate(size=10), NOON, LIMITS))


def test_a_story_never_spans_more_than_its_limit_into_the_future_or_the_past() -> None:
    assert refusal(candidate(), NOON + timedelta(hours=49), LIMITS)
    assert refusal(candidate(), NOON - timedelta(hours=48), LIMITS)
    assert refusal(candidate(), NOON + timedelta(hours=47), LIMITS) is None


def test_a_near_member_is_not_enough_when_the_article_that_stands_for_the_story_is_far() -> None:
    chained = candidate(representative=decision(Verdict.DISTINCT, 0.1))
    assert "stands for the story" in str(refusal(chained, NOON, LIMITS))


def test_a_conflict_with_the_article_that_stands_for_the_story_refuses() -> None:
    assert refusal(candidate(representative=decision(Verdict.DISTINCT, 0.9, ("number 3% / 4%",))), NOON, LIMITS)


def test_the_same_text_joins_whatever_the_others_say() -> None:
    same = candidate(
        decision=decision(Verdict.IDENTICAL, 1.0), representative=decision(Verdict.DISTINCT, 0.1), sample=(FAR, FAR)
    )
    assert refusal(same, NOON, LIMITS) is None


def test_two_stories_are_one_by_all_pairs_between_them_within_the_limits() -> None:
    assert link_refusal([NEAR, NEAR, FAR], size=4, span_hours=5, limits=LIMITS) is None
    assert "on average" in str(link_refusal([NEAR, FAR, FAR], size=4, span_hours=5, limits=LIMITS))
    assert "clash" in str(link_refusal([NEAR, CLASHING], size=4, span_hours=5, limits=LIMITS))
    assert "no two" in str(link_refusal([Weight(0.6, False, False)], size=2, span_hours=5, limits=LIMITS))
    assert "11 articles" in str(link_refusal([NEAR], size=11, span_hours=5, limits=LIMITS))
    assert "49 hours" in str(link_refusal([NEAR], size=2, span_hours=49, limits=LIMITS))


def test_a_sample_is_spread_over_the_story_and_holds_what_it_must() -> None:
    members = list(range(100, 200))
    sample = spread(members, 10, [150, 199])
    assert sample[:2] == [150, 199]
    assert len(set(sample)) == 10
    assert min(sample) < 110
    assert sorted(spread([1, 2, 3], 10, [2])) == [1, 2, 3]
    assert spread(members, 10, [150, 199]) == sample


def test_who_stands_for_a_story_is_decided_by_source_then_completeness_then_time() -> None:
    plain = Standing(1, "Courier", 2000, NOON, comparable=True)
    later = dataclasses.replace(plain, id=2, at=NOON + timedelta(hours=1))
    wire = dataclasses.replace(later, id=3, source="Meridian Wire")
    headline = dataclasses.replace(plain, id=4, length=0, at=NOON - timedelta(hours=1))
    assert representative([later, plain], []) == 1
    assert representative([headline, later], []) == 2
    assert representative([plain, wire, headline], ["Meridian Wire"]) == 3


def test_an_article_that_cannot_be_compared_stands_for_a_story_only_if_none_can() -> None:
    copy = Standing(1, "Meridian Wire", 2000, NOON, comparable=False)
    other = Standing(2, "Courier", 10, NOON + timedelta(hours=5), comparable=True)
    assert representative([copy, other], ["Meridian Wire"]) == 2
    assert representative([copy], []) == 1


@pytest.mark.parametrize("seed", range(3))
def test_the_order_of_the_members_does_not_decide_who_stands_for_them(seed: int) -> None:
    members = [Standing(n, f"s{n % 2}", 100 * (n % 3), NOON, comparable=n % 4 != seed) for n in range(5)]
    assert len({representative(order, ["s1"]) for order in permutations(members)}) == 1
