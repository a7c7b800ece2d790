"""Which story an article joins."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

from tests.dedup.test_verdict import PLAIN

from dedup.stories import Candidate, StoryLimits, choose, refusal
from dedup.verdict import Decision, Verdict

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
LIMITS = StoryLimits(max_size_articles=10, max_span_hours=48, min_representative_probability=0.3)


def decision(
    verdict: Verdict = Verdict.SAME_EVENT, probability: float = 0.8, conflicts: tuple[str, ...] = ()
) -> Decision:
    return Decision(verdict, probability, dataclasses.replace(PLAIN, conflicts=conflicts), "because")


def candidate(story_id: int = 1, **changes: object) -> Candidate:
    plain = Candidate(story_id, 2, NOON, NOON + timedelta(hours=1), 7, decision(), decision())
    return dataclasses.replace(plain, **changes)  # type: ignore[arg-type]


def test_no_candidate_means_a_story_of_its_own() -> None:
    assert choose([], NOON, LIMITS) is None


def test_the_strongest_evidence_wins() -> None:
    weak, strong = candidate(1, decision=decision(probability=0.7)), candidate(2, decision=decision(probability=0.9))
    assert choose([weak, strong], NOON, LIMITS) == strong


def test_a_copy_outranks_a_report_in_other_words() -> None:
    copy = candidate(2, decision=decision(Verdict.NEAR_COPY, 0.7))
    assert choose([candidate(1, decision=decision(probability=0.99)), copy], NOON, LIMITS) == copy


def test_the_oldest_story_wins_a_draw() -> None:
    assert choose([candidate(5), candidate(3)], NOON, LIMITS) == candidate(3)


def test_distinct_articles_are_never_joined() -> None:
    assert choose([candidate(decision=decision(Verdict.DISTINCT, 0.99))], NOON, LIMITS) is None


def test_a_full_story_takes_no_more() -> None:
    assert "10 articles" in str(refusal(candidate(size=10), NOON, LIMITS))


def test_a_story_never_spans_more_than_its_limit_into_the_future_or_the_past() -> None:
    assert refusal(candidate(), NOON + timedelta(hours=49), LIMITS)
    assert refusal(candidate(), NOON - timedelta(hours=48), LIMITS)
    assert refusal(candidate(), NOON + timedelta(hours=47), LIMITS) is None


def test_a_near_member_is_not_enough_when_the_first_article_is_far() -> None:
    chained = candidate(representative=decision(Verdict.DISTINCT, 0.1))
    assert "first article" in str(refusal(chained, NOON, LIMITS))


def test_a_conflict_with_the_first_article_refuses() -> None:
    assert refusal(candidate(representative=decision(Verdict.DISTINCT, 0.9, ("number 3% / 4%",))), NOON, LIMITS)


def test_the_same_text_joins_whatever_the_first_article_says() -> None:
    same = candidate(decision=decision(Verdict.IDENTICAL, 1.0), representative=decision(Verdict.DISTINCT, 0.1))
    assert refusal(same, NOON, LIMITS) is None
