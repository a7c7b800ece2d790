"""Groups from pairs: what holds for any probabilities and constraints, and which old story a group goes on as."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dedup.clustering import Contradiction, Heir, Item, Rules, Table, agglomerate, components, inherit

NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)
RULES = Rules(min_mean=0.5, max_conflict_share=0.0, max_size=500, max_span_hours=240)


def items(count: int, hours: float = 1.0) -> list[Item]:
    return [Item(f"k{place}", NOON + timedelta(hours=hours * place)) for place in range(count)]


def matrix(count: int, pairs: dict[tuple[int, int], float], other: float = 0.0) -> np.ndarray:
    made = np.full((count, count), other)
    for (a, b), value in pairs.items():
        made[a, b] = made[b, a] = value
    return made


def sure(probabilities: np.ndarray, clashing: Iterable[tuple[int, int]] = ()) -> Table:
    """A table in which every pair of 0.5 or more joins, unless its facts clash."""
    conflicts = matrix(len(probabilities), dict.fromkeys(clashing, 1.0)).astype(bool)
    return Table(probabilities, (probabilities >= 0.5) & ~conflicts, conflicts)


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Item], Table, set[tuple[int, int]], set[tuple[int, int]]]:
    count = draw(st.integers(1, 9))
    every = list(combinations(range(count), 2))
    # Steps of 0.1, so that draws are common.
    values = draw(st.lists(st.integers(0, 10), min_size=len(every), max_size=len(every)))
    clashing = draw(st.sets(st.sampled_from(every), max_size=3)) if every else set()
    must = draw(st.sets(st.sampled_from(every), max_size=3)) if every else set()
    label = {place: group[0] for group in components(count, must) for place in group}
    apart = draw(st.sets(st.sampled_from(every), max_size=3)) if every else set()
    cannot = {(a, b) for a, b in apart if label[a] != label[b]}
    hours = draw(st.lists(st.integers(0, 3), min_size=count, max_size=count))
    made = [Item(f"k{place}", NOON + timedelta(hours=hours[place])) for place in range(count)]
    probabilities = matrix(count, {pair: value / 10 for pair, value in zip(every, values, strict=True)})
    return made, sure(probabilities, clashing), must, cannot


@given(problems())
@settings(deadline=None)
def test_every_item_is_in_exactly_one_group(problem) -> None:  # type: ignore[no-untyped-def]
    made, table, must, cannot = problem
    groups = agglomerate(made, table, RULES, must=must, cannot=cannot)
    assert sorted(place for group in groups for place in group) == list(range(len(made)))


@given(problems())
@settings(deadline=None)
def test_constraints_are_respected_whatever_the_probabilities(problem) -> None:  # type: ignore[no-untyped-def]
    made, table, must, cannot = problem
    groups = agglomerate(made, table, RULES, must=must, cannot=cannot)
    label = {place: number for number, group in enumerate(groups) for place in group}
    assert all(label[a] == label[b] for a, b in must)
    assert all(label[a] != label[b] for a, b in cannot)


@given(problems(), st.randoms(use_true_random=False))
@settings(deadline=None)
def test_the_order_of_the_items_does_not_matter(problem, rng: random.Random) -> None:  # type: ignore[no-untyped-def]
    made, table, must, cannot = problem
    groups = agglomerate(made, table, RULES, must=must, cannot=cannot)
    order = list(range(len(made)))
    rng.shuffle(order)
    place = {old: new for new, old in enumerate(order)}
    shuffled = agglomerate(
        [made[old] for old in order],
        table.part(order),
        RULES,
        must=[(place[a], place[b]) for a, b in must],
        cannot=[(place[a], place[b]) for a, b in cannot],
    )
    assert [tuple(order[new] for new in group) for group in shuffled] == list(groups)


@given(problems())
@settings(deadline=None)
def test_without_constraints_no_conflict_and_no_weak_half_is_inside_a_group(problem) -> None:  # type: ignore[no-untyped-def]
    made, table, _, _ = problem
    for group in agglomerate(made, table, RULES):
        assert not any(table.conflicts[a, b] for a, b in combinations(group, 2))
        # Every group was joined from two of mean 0.5 or more, so each member has a pair that reaches it.
        assert len(group) == 1 or all(max(table.probabilities[a, b] for b in group if b != a) >= 0.5 for a in group)


def test_a_chain_of_close_pairs_is_no_story() -> None:
    chain = matrix(4, {(0, 1): 0.9, (1, 2): 0.8, (2, 3): 0.9}, other=0.1)
    assert agglomerate(items(4), sure(chain), RULES) == ((0, 1), (2, 3))


def test_two_halves_with_good_average_evidence_are_one_story() -> None:
    assert agglomerate(items(4), sure(matrix(4, {(0, 1): 0.9, (2, 3): 0.9}, other=0.55)), RULES) == ((0, 1, 2, 3),)


def test_no_group_outgrows_its_limits() -> None:
    alike = sure(matrix(6, {}, other=0.9))
    assert {len(group) for group in agglomerate(items(6), alike, replace(RULES, max_size=3))} == {3}
    spans = agglomerate(items(6), alike, replace(RULES, max_span_hours=2))
    assert all(group[-1] - group[0] <= 2 for group in spans)


def test_groups_that_no_pair_joins_stay_apart_however_near_they_are() -> None:
    near = matrix(2, {}, other=0.9)
    assert len(agglomerate(items(2), Table(near, near > 1, near > 1), RULES)) == 2


def test_a_share_of_conflicts_can_be_borne() -> None:
    table = sure(matrix(4, {}, other=0.9), [(0, 3)])
    assert len(agglomerate(items(4), table, RULES)) == 2
    assert len(agglomerate(items(4), table, replace(RULES, max_conflict_share=0.34))) == 1


def test_constraints_that_contradict_each_other_are_refused_by_name() -> None:
    with pytest.raises(Contradiction) as caught:
        agglomerate(items(3), sure(matrix(3, {})), RULES, must=[(0, 1), (1, 2)], cannot=[(2, 0)])
    assert sorted(caught.value.pair) == [0, 2]


def test_a_thousand_articles_of_one_event_are_grouped() -> None:
    (group,) = agglomerate(items(1000, hours=0.01), sure(matrix(1000, {}, other=0.9)), replace(RULES, max_size=1000))
    assert len(group) == 1000


def test_the_oldest_story_lives_on_and_the_others_end_in_it() -> None:
    assert inherit([("a", "b", "c")], {"a": 9, "b": 4, "c": 9}) == (Heir(("a", "b", "c"), 4, (9,)),)


def test_a_story_goes_where_most_of_its_members_went() -> None:
    heirs = inherit([("a",), ("b", "c")], dict.fromkeys("abc", 4))
    assert heirs == (Heir(("a",), None, ()), Heir(("b", "c"), 4, ()))


def test_a_draw_goes_to_the_group_named_first_and_new_items_have_no_story() -> None:
    heirs = inherit([("a",), ("b",), ("new",)], {"a": 4, "b": 4})
    assert [heir.story_id for heir in heirs] == [4, None, None]


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12), st.lists(st.integers(1, 4), min_size=12, max_size=12))
def test_every_old_id_leads_to_exactly_one_group_and_no_group_has_two(labels: list[int], stories: list[int]) -> None:
    groups = [[i for i, label in enumerate(labels) if label == wanted] for wanted in sorted(set(labels))]
    story_of = {i: stories[i] for i in range(len(labels))}
    heirs = inherit(groups, story_of)
    kept = [heir.story_id for heir in heirs if heir.story_id is not None]
    ended = [story_id for heir in heirs for story_id in heir.absorbed]
    assert sorted(kept + ended) == sorted(set(story_of.values()))
    assert all(heir.story_id is not None and heir.story_id < min(heir.absorbed) for heir in heirs if heir.absorbed)


@given(st.lists(st.integers(0, 3), min_size=1, max_size=12))
def test_groups_that_did_not_change_keep_their_ids(labels: list[int]) -> None:
    groups = [[i for i, label in enumerate(labels) if label == wanted] for wanted in sorted(set(labels))]
    heirs = inherit(groups, {i: label + 10 for i, label in enumerate(labels)})
    assert [heir.story_id for heir in heirs] == [label + 10 for label in sorted(set(labels))]
