"""Repair: the same articles end in the same stories in whatever order they came; what drifted is split."""

from __future__ import annotations

import random
from collections.abc import Hashable, Sequence
from itertools import combinations
from pathlib import Path

import pytest
from newsroom import (
    SHARED,
    article,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    hashing_service,
    invented_news,
    stories_by_guid,
)
from sqlalchemy import func, select

from dedup.config import load_config
from dedup.jobs import read_articles
from dedup.metrics import clustering_scores
from dedup.store import StoryEventRow, open_store
from dedup_ingest import Article

TRAM = (
    "Brenholt opens tram line to the river port",
    "Brenholt opened its new tram line to the river port on Thursday. Mayor Tarrask rode in the first car. "
    "The line is 14 kilometres long and has 19 stops. It will carry 30,000 passengers a day, the city says.",
)
STORKS = (
    "Storks return to Kelmouth",
    "The first storks of the year have landed on the chimney of the Kelmouth brewery.",
)
SAME = 0.97


def arrivals(news: Sequence[Article]) -> list[list[list[Article]]]:
    """The same articles in several orders and portions: one batch, by time, by source, and by chance."""
    orders = [[list(news)]]
    by_time = sorted(news, key=lambda one: (one.published, one.key))
    orders.append([by_time[start : start + 20] for start in range(0, len(news), 20)])
    by_source = sorted(news, key=lambda one: (one.source, one.key))
    orders.append([by_source[start : start + 20] for start in range(0, len(news), 20)])
    for seed in range(2):
        shuffled = list(by_time)
        random.Random(seed).shuffle(shuffled)
        orders.append([shuffled[start : start + 7] for start in range(0, len(news), 7)])
    return orders


def agreement(one: dict[str, frozenset[str]], other: dict[str, frozenset[str]]) -> float:
    keys = sorted(one)
    assert keys == sorted(other)
    labels: list[list[Hashable]] = [[min(stories[key]) for key in keys] for stories in (one, other)]
    return clustering_scores(*labels).bcubed.f1


def test_invented_news_ends_in_the_same_stories_in_any_order(tmp_path: Path) -> None:
    news = invented_news(90, seed=3)
    outcomes = []
    for number, portions in enumerate(arrivals(news)):
        with hashing_service(f"sqlite:///{tmp_path}/{number}.sqlite3") as service:
            for portion in portions:
                service.add(portion)
            service.repair()
            assert_store_is_consistent(service.store, articles=90)
            outcomes.append(stories_by_guid(service.store))
    worst = min(agreement(one, other) for one, other in combinations(outcomes, 2))
    assert worst >= SAME


@pytest.mark.skipif(not SHARED.is_dir(), reason="reads ../shared/data, which is not here")
@pytest.mark.parametrize("name", ["tgnews_en", "tgnews_ru"])
def test_real_news_ends_in_the_same_stories_in_any_order(tmp_path: Path, name: str, empty_database: Path) -> None:
    """A stretch of a real stream through the real model, each text encoded once for all orders."""
    import shutil

    from dedup.model import LazyEncoder, prepare_model
    from dedup.replay import Remembering
    from dedup.service import Deduplicator

    config = load_config(None, {"model": {"name": "e5-small"}})
    artifact = prepare_model(config, progress=lambda *_: None)
    encoder = Remembering(LazyEncoder(artifact, config))
    news = list(read_articles(SHARED / f"{name}.jsonl.gz", config))[600:690]
    outcomes = []
    for number, portions in enumerate(arrivals(news)):
        file = tmp_path / f"{number}.sqlite3"
        shutil.copy(empty_database, file)
        store = open_store(f"sqlite:///{file}")
        own = config.model_copy(update={"store": config.store.model_copy(update={"url": f"sqlite:///{file}"})})
        with Deduplicator(own, store, artifact, encoder, lambda *_: None) as service:
            for portion in portions:
                service.add(portion)
            service.repair()
            outcomes.append(stories_by_guid(service.store))
    assert max(len(group) for group in outcomes[0].values()) > 2
    worst = min(agreement(one, other) for one, other in combinations(outcomes, 2))
    assert worst >= SAME


def events(service: object) -> int:
    with service.store.reading() as session:  # type: ignore[attr-defined]
        return session.scalar(select(func.count(StoryEventRow.id))) or 0


def test_a_repair_of_what_is_right_changes_nothing_and_looks_at_nothing_twice(url: str) -> None:
    with hashing_service(url) as service:
        service.add(invented_news(60))
        assert service.repair().waiting == 0
        before, stories = events(service), stories_by_guid(service.store)
        again = service.repair()
        assert (again.examined, again.merged, again.split, again.moved) == (0, 0, 0, 0)
        assert (events(service), stories_by_guid(service.store)) == (before, stories)


def test_an_article_whose_text_became_other_news_leaves_its_story_and_the_reason_is_kept(url: str) -> None:
    with hashing_service(url) as service:
        first, second, third = service.add(
            [article(name, *TRAM, source=f"Outlet {name}", hours=n) for n, name in enumerate("abc")]
        )
        service.add([article("b", *STORKS, source="Outlet b", hours=1)])
        assert service.article(second.article_id).story_id == first.story_id
        report = service.repair()
        assert (report.split, report.merged, report.moved) == (1, 0, 0)
        assert service.article(second.article_id).story_id != first.story_id
        assert [m.article.id for m in service.story(first.story_id).members] == [first.article_id, third.article_id]
        with service.store.reading() as session:
            (event,) = session.scalars(select(StoryEventRow).where(StoryEventRow.kind == "split"))
        assert event.detail is not None
        assert (event.detail["from"], event.detail["articles"]) == (first.story_id, [second.article_id])
        assert event.detail["mean"] < 0.5
        assert_store_is_consistent(service.store, articles=3)
        assert_index_is_caught_up(service)


def test_an_edited_article_moves_to_the_story_that_it_tells_now(url: str) -> None:
    with hashing_service(url) as service:
        tram, _, storks = service.add(
            [
                article("a", *TRAM),
                article("b", *TRAM, source="Courier", hours=1),
                article("c", *STORKS, source="Ledger", hours=2),
            ]
        )
        service.add([article("b", *STORKS, source="Courier", hours=1)])
        report = service.repair()
        assert (report.moved, report.split, report.merged) == (1, 0, 0)
        assert [m.article.source for m in service.story(storks.story_id).members] == ["Courier", "Ledger"]
        assert service.story(tram.story_id).story.size == 1
        assert_store_is_consistent(service.store, articles=3)


def test_a_repair_looks_around_no_more_articles_than_it_may_and_the_next_goes_on(url: str) -> None:
    limits = {"story": {"repair_articles": 1}}
    with hashing_service(url, **limits) as service:
        service.add(invented_news(60))
        first = service.repair()
        assert first.waiting > 0
        assert service.repair(everything=True).waiting == 0
        assert_store_is_consistent(service.store, articles=60)


@pytest.mark.parametrize("most", [6])
def test_a_neighbourhood_weighed_in_parts_ends_as_one_weighed_whole(tmp_path: Path, most: int) -> None:
    news = invented_news(90, seed=5)
    outcomes = []
    for limit in (200, most):
        file = f"sqlite:///{tmp_path}/{limit}.sqlite3"
        with hashing_service(file, story={"neighbourhood_articles": limit}) as service:
            service.add(news)
            service.repair()
            assert_store_is_consistent(service.store, articles=90)
            outcomes.append(stories_by_guid(service.store))
    assert agreement(*outcomes) >= SAME


def test_a_story_larger_than_a_neighbourhood_stays_one_story(url: str) -> None:
    with hashing_service(url, story={"neighbourhood_articles": 10}) as service:
        placed = service.add([article(f"a{n}", *TRAM, source=f"Outlet {n}", hours=n / 10) for n in range(35)])
        service.repair()
        assert {service.article(one.article_id).story_id for one in placed} == {placed[0].story_id}
        assert_store_is_consistent(service.store, articles=35)
