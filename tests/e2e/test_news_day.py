"""The invented day of `examples/` and the written pairs, through the real model: what an editor would see."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from dedup.config import Config, load_config
from dedup.jobs import ingest
from dedup.profile import profile
from dedup.results import StoryView
from dedup.service import Deduplicator
from dedup.sides import Side
from dedup.space import View
from dedup.store import ArticleRow, MembershipRow
from dedup_ingest import read_feed_list

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
PAIRS = Path(__file__).parent / "data"


def settings(folder: Path) -> Config:
    own = {"store": {"url": f"sqlite:///{folder / 'day.sqlite3'}"}, "verdict": {"use_calibration": False}}
    return load_config(overrides={"model": {"name": "e5-small"}, **own})


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Any:
    config = settings(tmp_path_factory.mktemp("day"))
    with Deduplicator.open(config) as opened:
        report = ingest(opened, config, [EXAMPLES / "feeds.txt"])
        assert report.problems == ()
        yield opened


@pytest.fixture(scope="module")
def gold() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((EXAMPLES / "gold.json").read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def stories(service: Deduplicator) -> tuple[StoryView, ...]:
    return tuple(service.story(story.id) for story in service.stories(limit=500))


@pytest.fixture(scope="module")
def placed(service: Deduplicator) -> dict[str, int]:
    """guid → story."""
    with service.store.reading() as session:
        query = select(ArticleRow.guid, MembershipRow.story_id).join(
            MembershipRow, MembershipRow.article_id == ArticleRow.id
        )
        return {guid: story for guid, story in session.execute(query) if guid is not None}


def test_every_item_of_the_day_is_in_exactly_one_story(gold: dict[str, Any], placed: dict[str, int]) -> None:
    assert placed.keys() == gold["items"].keys()
    assert len(read_feed_list(EXAMPLES / "feeds.txt").feeds) == 6


def test_no_two_look_alikes_of_the_day_share_a_story(gold: dict[str, Any], placed: dict[str, int]) -> None:
    joined = [trap for trap in gold["traps"] if placed[trap["a"]] == placed[trap["b"]]]
    assert joined == []


def test_nothing_is_joined_that_an_editor_would_keep_apart(gold: dict[str, Any], placed: dict[str, int]) -> None:
    items = gold["items"]
    false = [(a, b) for a, b in combinations(items, 2) if placed[a] == placed[b] and items[a] != items[b]]
    assert false == []


def test_most_of_what_an_editor_would_join_is_joined(gold: dict[str, Any], placed: dict[str, int]) -> None:
    items = gold["items"]
    same = [(a, b) for a, b in combinations(items, 2) if items[a] == items[b]]
    found = sum(placed[a] == placed[b] for a, b in same)
    assert found / len(same) >= 0.8, f"{found} of {len(same)} pairs"


def test_every_join_shows_its_verdict_and_its_reason(stories: tuple[StoryView, ...]) -> None:
    joined = [member.joined_by for story in stories for member in story.members if member.joined_by]
    assert joined
    assert all(match.verdict.joins and match.reason for match in joined)
    for story in stories:
        assert sum(member.joined_by is None for member in story.members) == 1


def test_all_four_kinds_of_join_occur_on_the_day(stories: tuple[StoryView, ...]) -> None:
    kinds = Counter(member.joined_by.verdict.value for story in stories for member in story.members if member.joined_by)
    assert set(kinds) == {"identical", "near_copy", "same_event"}
    translated = [m for story in stories for m in story.members if m.joined_by and m.joined_by.evidence.translation]
    assert translated


def test_copies_never_reach_the_encoder(service: Deduplicator) -> None:
    found = service.stats()
    assert 0 < found.embeddings < found.articles


def test_a_russian_paraphrase_finds_the_english_article(service: Deduplicator) -> None:
    best = service.similar(title="Тарнхольм отменит с 1 мая плату за проезд по мосту Уир", k=1)[0]
    assert best.article.lang == "en"
    assert "Weir Bridge" in best.article.title
    assert best.evidence.translation


@pytest.mark.parametrize(("name", "joined"), [("traps", False), ("same", True)])
def test_written_pairs_are_judged_as_their_writer_meant(name: str, joined: bool, service: Deduplicator) -> None:
    rows = [json.loads(line) for line in (PAIRS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    view = View(service.config.encode.view, service.config.encode.lead_words, service.config.encode.clean)
    texts = [row[side] for row in rows for side in ("a", "b")]
    seen = [view.text(text["title"], text["text"], text["lang"]) for text in texts]
    vectors = service.judge.scale.project(asyncio.run(service.embed(seen))[0])
    sides = [Side(text["title"], profile(text["title"], text["text"]), text["lang"], "", None) for text in texts]
    wrong = []
    for place, row in enumerate(rows):
        a, b = sides[2 * place], sides[2 * place + 1]
        cosine = float(vectors[2 * place] @ vectors[2 * place + 1])
        verdict = service.judge.decide(a, b, cosine).verdict
        if verdict.joins is not joined:
            wrong.append((row["kind"], a.title, b.title))
    assert len(rows) >= 40
    assert wrong == []
