"""A late article that shows two stories to be one: the older id lives on, the other one leads to it for ever."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import pytest
from newsroom import (
    article,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    hashing_service,
)
from sqlalchemy import select

from dedup.store import StoryEventRow
from dedup_ingest import Article

FIRE = article(
    "fire",
    "Fire at the Kelmouth brewery",
    "A fire broke out at the Kelmouth brewery on Thursday morning. Flames stood over the malt house for two hours, "
    "owner Forsell said.",
)
REBUILD = article(
    "rebuild",
    "Forsell to rebuild in Kelmouth after blaze",
    "Owner Forsell wants to rebuild the malt house. Insurers will pay for the damage of the blaze, he said on Thursday "
    "in Kelmouth.",
    source="Harbour Courier",
    hours=1,
)
BOTH = article(
    "both",
    "Fire at the Kelmouth brewery: Forsell to rebuild the malt house",
    "A fire broke out at the Kelmouth brewery on Thursday morning and burned down the malt house. Owner Forsell said "
    "he wants to rebuild it; insurers will pay for the damage of the blaze in Kelmouth.",
    source="Lusen Ledger",
    hours=2,
)


def between(folder: Path, news: list[Article], low: tuple[int, int]) -> float:
    """A probability from which on all pairs of these articles join but one."""
    with hashing_service(f"sqlite:///{folder}/measured.sqlite3") as service:
        ids = [placed.article_id for placed in service.add(news)]
        sure = {pair: service.explain(ids[pair[0]], ids[pair[1]]).probability for pair in combinations(range(3), 2)}
    lowest = sure.pop(low)
    assert lowest < min(sure.values())
    return (lowest + min(sure.values())) / 2


@pytest.fixture
def halves(tmp_path: Path) -> dict[str, dict[str, float]]:
    """Settings under which FIRE and REBUILD are two stories until BOTH comes."""
    limit = between(tmp_path, [FIRE, REBUILD, BOTH], (0, 1))
    return {"verdict": {"min_probability": limit}, "story": {"min_mean_probability": 0.3}}


def test_an_article_that_connects_two_stories_merges_them_into_the_older_one(
    url: str, halves: dict[str, dict[str, float]]
) -> None:
    with hashing_service(url, **halves) as service:
        first, second = service.add([FIRE, REBUILD])
        assert first.story_id != second.story_id
        (late,) = service.add([BOTH])
        assert (late.outcome, late.story_id) == ("joined", first.story_id)
        story = service.story(first.story_id)
        assert [member.article.source for member in story.members] == [FIRE.source, REBUILD.source, BOTH.source]
        assert service.story(second.story_id) == story
        assert [summary.id for summary in service.stories()] == [first.story_id]
        assert service.stats().stories == 1
        with service.store.reading() as session:
            (event,) = session.scalars(select(StoryEventRow).where(StoryEventRow.kind == "merge"))
        assert (event.story_id, event.article_id) == (first.story_id, late.article_id)
        assert event.detail is not None
        assert event.detail["from"] == second.story_id
        assert second.article_id in event.detail["articles"]
        assert event.detail["pairs"][0][2] >= halves["verdict"]["min_probability"]
        assert_store_is_consistent(service.store, articles=3)
        assert_index_is_caught_up(service)


def test_stories_that_would_be_too_large_or_too_long_together_stay_two(
    url: str, halves: dict[str, dict[str, float]]
) -> None:
    halves["story"]["max_size_articles"] = 2
    with hashing_service(url, **halves) as service:
        service.add([FIRE, REBUILD])
        service.add([BOTH])
        assert service.stats().stories == 2
        assert_store_is_consistent(service.store, articles=3)
