"""What the tests of the service share: an invented newsroom, a small honest encoder, and the rules of a sound store."""

from __future__ import annotations

import hashlib
import random
import re
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import func, select

from dedup.config import Config, load_config
from dedup.feedback import Constraints, words
from dedup.profile import name_key
from dedup.service import Deduplicator
from dedup.store import (
    ArticleRow,
    EmbeddingRow,
    MatchRow,
    MembershipRow,
    Store,
    StoryEventRow,
    StoryRow,
    open_store,
)
from dedup_accelerate import Artifact, Contract, Manifest
from dedup_ingest import Article, make_article

ROOT = Path(__file__).parents[2]
SHARED = ROOT.parent / "shared" / "data"
NOON = datetime(2026, 3, 12, 12, tzinfo=UTC)


class HashingEncoder:
    """Deterministic unit vectors from hashed words, numbers and name keys: near texts are near, in either alphabet.

    A transport in place of the transformer where the model is not what a test is about; `salt` makes another space.
    """

    dimension = 256

    def __init__(self, salt: str = "") -> None:
        self.salt = salt
        self.calls: list[list[str]] = []

    def encode(self, texts: Sequence[str], *, progress: object = None) -> NDArray[np.float32]:
        self.calls.append(list(texts))
        vectors = np.full((len(texts), self.dimension), 0.01, dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text):
                # Names and numbers weigh most: they are what two languages have in common.
                said = name_key(word) if word[0].isupper() else word.casefold()
                weight = 3.0 if word[0].isupper() or word[0].isdigit() else 0.3
                digest = hashlib.blake2b(f"{self.salt}{said}".encode(), digest_size=8).digest()
                sign = weight if digest[4] % 2 else -weight
                vectors[row, int.from_bytes(digest[:4], "little") % self.dimension] += sign
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def hashing_artifact(salt: str = "") -> Artifact:
    """A manifest for the hashing encoder; another salt gives another fingerprint."""
    contract = Contract("", 512, "mean", HashingEncoder.dimension, "fp32")
    return Artifact(Path(), Manifest(f"hashing{salt}", "", "", "", 1, contract, {"salt": (salt or "none", 1)}))


def config_for(url: str, **sections: dict[str, Any]) -> Config:
    overrides: dict[str, dict[str, Any]] = {
        "model": {"name": "e5-small"},
        "store": {"url": url},
        "encode": {"batch_articles": 16},
    }
    for name, values in sections.items():
        overrides[name] = {**overrides.get(name, {}), **values}
    return load_config(ROOT / "config.toml", overrides)


def hashing_service(
    url: str, *, salt: str = "", encoder: HashingEncoder | None = None, **sections: dict[str, Any]
) -> Deduplicator:
    """The service on the hashing encoder; the store must have its tables if it is not SQLite."""
    config = config_for(url, **sections)
    store = open_store(url, lock_timeout_seconds=config.store.lock_timeout_seconds)
    encoder = encoder or HashingEncoder(salt)
    return Deduplicator(config, store, hashing_artifact(salt), encoder, lambda *_: None)  # type: ignore[arg-type]


def article(
    guid: str, title: str, text: str = "", *, source: str = "Meridian Wire", lang: str = "en", hours: float = 0.0
) -> Article:
    return make_article(
        source=source, title=title, text=text, guid=guid, published=NOON + timedelta(hours=hours), lang=lang
    )


PLACES = (
    "Brenholt",
    "Kelmouth",
    "Lusen",
    "Harwick",
    "Dunmarrow",
    "Ardesia",
    "Tolvane",
    "Penrose",
    "Quillby",
    "Sandrake",
)
PEOPLE = ("Ovelin", "Tarrask", "Midhurst", "Calloway", "Brandeis", "Forsell", "Ketteridge", "Oyelaran", "Pavlenko")
ACTS = (
    "opened a tram line {n} kilometres long",
    "closed {n} schools after the flood",
    "sold {n} vessels of the river fleet",
    "planted {n} lime trees along the quay",
    "fined a cement works {n} thousand crowns",
    "found {n} coins under the town hall",
    "counted {n} storks on its chimneys",
    "cancelled {n} bus routes without notice",
)
FILLERS = (
    "Residents had asked for it since the autumn of the previous year.",
    "The council voted late in the evening after a long debate.",
    "Work is expected to be finished before the first frost.",
    "No one could say on Thursday who would pay for the repairs.",
    "The opposition called the decision hasty and badly explained.",
    "A small crowd watched from the bridge in light rain.",
)


def invented_news(count: int, seed: int = 7) -> list[Article]:
    """`count` articles of one day: about half new events, the rest word-for-word or lightly edited copies elsewhere."""
    rng = random.Random(seed)
    made: list[Article] = []
    for number in range(count):
        if made and rng.random() < 0.5:
            model = rng.choice(made)
            text = model.text if rng.random() < 0.5 else model.text + " " + rng.choice(FILLERS)
            title = model.title
        else:
            place, person = rng.choice(PLACES), rng.choice(PEOPLE)
            act = rng.choice(ACTS).format(n=rng.randint(2, 99))
            title = f"{place} has {act}"
            text = f"{place} has {act}, mayor {person} said. " + " ".join(rng.sample(FILLERS, 3))
        made.append(article(f"n{number}", title, text, source=f"Outlet {number % 5}", hours=number / 60))
    return made


def as_rows(articles: Sequence[Article]) -> list[dict[str, str]]:
    """The same as rows of an import file."""
    return [
        {
            "id": one.guid or "",
            "lang": one.lang,
            "title": one.title,
            "text": one.text,
            "published": one.published.isoformat() if one.published else "",
            "source": one.source,
        }
        for one in articles
    ]


def assert_store_is_consistent(store: Store, *, articles: int | None = None, editors: bool = False) -> None:
    """The rules that hold after every commit, whatever was killed in between.

    `editors`: they may have taken articles with one text apart.
    """
    with store.reading() as session:
        rows = {row.id: row for row in session.scalars(select(ArticleRow))}
        members = list(session.scalars(select(MembershipRow)))
        stories = {row.id: row for row in session.scalars(select(StoryRow))}
        matches = {row.id: row for row in session.scalars(select(MatchRow))}
        embedded = {(row.article_id, row.space) for row in session.scalars(select(EmbeddingRow))}
        events = list(session.scalars(select(StoryEventRow).order_by(StoryEventRow.id)))
        spoken = words(session)
    if articles is not None:
        assert len(rows) == articles
    assert len({row.key for row in rows.values()}) == len(rows), "an article twice"
    assert sorted(member.article_id for member in members) == sorted(rows), "every article in exactly one story"
    revisions = [row.revision for row in rows.values()]
    assert len(set(revisions)) == len(revisions)
    assert all(revision >= 1 for revision in revisions)
    sizes = Counter(member.story_id for member in members)
    assert sizes == Counter({row.id: row.size for row in stories.values()}), "sizes are the numbers of members"
    vectors = {article_id for article_id, _ in embedded}
    for story in stories.values():
        if story.merged_into is not None:
            assert stories[story.merged_into].merged_into is None, "an ended story leads to a living one in one step"
            continue
        inside = [rows[member.article_id] for member in members if member.story_id == story.id]
        assert story.first_at == min(row.at for row in inside)
        assert story.last_at == max(row.at for row in inside)
        assert story.representative_id in {row.id for row in inside}
        assert story.representative_id in vectors, "what stands for a story can be compared"
    story_of = {member.article_id: member.story_id for member in members}
    said = Constraints.of(word for word in spoken if word.revoked_by is None)
    assert all(story_of[a] == story_of[b] for a, b in said.must), "what editors put together is together"
    assert all(story_of[a] != story_of[b] for a, b in said.cannot), "what editors keep apart is apart"
    assert told_again(events) == story_of, "the events tell how every article came where it is"
    first = Counter(member.story_id for member in members if member.match_id is None)
    assert first == Counter({row.id: 1 for row in stories.values() if row.merged_into is None}), (
        "one begins, others join"
    )
    edited = {event.article_id for event in events if event.kind == "update"}
    for member in members:
        if member.match_id is not None:
            match = matches[member.match_id]
            assert match.article_id == member.article_id
            assert match.verdict in ("identical", "near_copy", "same_event")
            assert story_of[match.other_id] == member.story_id, "the reason lies in the same story"
    for match in matches.values():
        assert {match.article_id, match.other_id} <= rows.keys()
        assert match.article_id != match.other_id
    texts: dict[str, list[ArticleRow]] = {}
    for row in rows.values():
        texts.setdefault(row.fingerprint, []).append(row)
    for same in texts.values() if not editors else ():
        # Edited articles keep the story they had; everyone else with one text has one story.
        assert len({story_of[row.id] for row in same if row.id not in edited}) <= 1, "one text in two stories"


def told_again(events: Sequence[StoryEventRow]) -> dict[int, int]:
    """Which story each article is in if the events are followed from the first one."""
    where: dict[int, int] = {}
    for event in events:
        if event.kind in ("create", "join"):
            assert event.article_id is not None
            assert event.article_id not in where
            where[event.article_id] = event.story_id
        elif event.kind in ("merge", "split", "move"):
            assert event.detail is not None
            for article_id in event.detail["articles"]:
                assert where[article_id] == event.detail["from"]
                where[article_id] = event.story_id
    return where


def assert_index_is_caught_up(service: Deduplicator) -> None:
    """Every vector of SQL that is not too old is in the index, and nothing that SQL does not have."""
    with service.store.reading() as session:
        query = select(EmbeddingRow.article_id, ArticleRow.at).join(
            ArticleRow, ArticleRow.id == EmbeddingRow.article_id
        )
        rows = session.execute(query.where(EmbeddingRow.space == service._space))
        embedded = {row[0]: row[1] for row in rows}
        last, newest = session.execute(select(func.max(ArticleRow.revision), func.max(ArticleRow.at))).one()
    indexed = set(service._memory.index.ids().tolist())
    kept = timedelta(hours=service.config.index.keep_hours)
    assert {id_ for id_, at in embedded.items() if newest - at <= kept} <= indexed <= embedded.keys()
    assert service._memory.watermark == (last or 0)


def stories_by_guid(store: Store) -> dict[str, frozenset[str]]:
    """Each article's guid with those of its whole story: equal on two stores when they tell the same."""
    with store.reading() as session:
        pairs = session.execute(
            select(MembershipRow.story_id, ArticleRow.guid).join(ArticleRow, ArticleRow.id == MembershipRow.article_id)
        ).all()
    together: dict[int, set[str]] = {}
    for story, guid in pairs:
        together.setdefault(story, set()).add(guid or "")
    return {guid: frozenset(group) for group in together.values() for guid in group}
