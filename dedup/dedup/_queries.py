"""Read queries: rows to the plain dataclasses that decisions and callers work with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Self

from sqlalchemy import exists, func, select
from sqlalchemy.orm import Session

from dedup._errors import NotFound
from dedup.crowding import Surroundings
from dedup.evidence import Evidence
from dedup.memory import Vectors, unpack
from dedup.profile import Profile, profile
from dedup.results import ArticleView, MatchView, Member, StoryEvent, StorySummary, StoryView
from dedup.sides import Side
from dedup.standing import Keys, left_out, unpack_keys
from dedup.store import ArticleRow, EmbeddingRow, MatchRow, MembershipRow, StoryEventRow, StoryRow
from dedup.verdict import Verdict

if TYPE_CHECKING:
    from dedup_ingest import Article

# SQLite allows 32,766 parameters in one statement, PostgreSQL 65,535; smaller chunks also keep the plans simple.
CHUNK = 500
MAX_ID = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Known:
    """A stored article as a comparison needs it."""

    id: int
    key: str
    at: datetime
    lang: str
    source: str
    title: str
    news: str
    fingerprint: str
    url: str | None = None

    @classmethod
    def of(cls, article: Article, news: str, id_: int, at: datetime) -> Self:
        told = (article.lang, article.source, article.title, news, article.fingerprint, article.url)
        return cls(id_, article.key, at, *told)

    @property
    def profile(self) -> Profile:
        return profile(self.title, self.news, self.lang)

    def side(self, around: Surroundings | None) -> Side:
        return side_of(self, self.profile, self.at, around)


def side_of(told: Article | Known, read: Profile, at: datetime | None, around: Surroundings | None) -> Side:
    """An article, stored or not, as one side of a comparison; `read` is the profile of what counts of its text."""
    return Side(told.title, read, told.lang, told.source, at, told.fingerprint, around, _host(told.url or ""))


@lru_cache(maxsize=65536)
def _host(url: str) -> str:
    from dedup_ingest import host_of

    return host_of(url)


@dataclass(frozen=True, slots=True)
class Stored:
    """Where an article key already is."""

    id: int
    edition: str
    story_id: int


@dataclass(frozen=True, slots=True)
class StoryFacts:
    """A live story as the choice of a story needs it."""

    id: int
    size: int
    first_at: datetime
    last_at: datetime
    representative_id: int


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]


def by_key(session: Session, keys: Sequence[str]) -> dict[str, Stored]:
    found = {}
    for part in chunks(keys):
        query = (
            select(ArticleRow.key, ArticleRow.id, ArticleRow.edition, MembershipRow.story_id)
            .join(MembershipRow, MembershipRow.article_id == ArticleRow.id)
            .where(ArticleRow.key.in_(part))
        )
        found.update({key: Stored(id_, edition, story) for key, id_, edition, story in session.execute(query)})
    return found


def by_fingerprint(session: Session, fingerprints: Sequence[str]) -> dict[str, list[tuple[int, datetime]]]:
    """Ids and times of the articles with these texts, newest first."""
    found: dict[str, list[tuple[int, datetime]]] = {}
    for part in chunks(sorted(set(fingerprints))):
        query = select(ArticleRow.fingerprint, ArticleRow.id, ArticleRow.at).where(ArticleRow.fingerprint.in_(part))
        for fingerprint, id_, at in session.execute(query.order_by(ArticleRow.id.desc())):
            found.setdefault(fingerprint, []).append((id_, at))
    return found


def recent_sentences(session: Session, source: str, count: int) -> list[Keys]:
    """The keys of the sentences of the articles of a source that came last, in the order they came."""
    query = select(ArticleRow.sentences).where(ArticleRow.source == source)
    latest = session.scalars(query.order_by(ArticleRow.id.desc()).limit(count)).all()
    return [unpack_keys(packed or b"") for packed in reversed(latest)]


def known(session: Session, ids: Sequence[int]) -> dict[int, Known]:
    """Articles by id. Raises: NotFound, naming the first id that is missing."""
    found = {}
    columns = [getattr(ArticleRow, field.name) for field in fields(Known)]
    for part in chunks(ids):
        for row in session.execute(select(*columns).where(ArticleRow.id.in_(storable(part)))):
            found[row.id] = Known(*row)
    for id_ in ids:
        if id_ not in found:
            raise NotFound(f"no article {id_}")
    return found


def revisions(session: Session, ids: Sequence[int]) -> dict[int, int]:
    """The present revision of each of these articles."""
    found: dict[int, int] = {}
    for part in chunks(ids):
        query = select(ArticleRow.id, ArticleRow.revision).where(ArticleRow.id.in_(storable(part)))
        found.update(session.execute(query).all())
    return found


def vectors(session: Session, space: str, ids: Sequence[int]) -> dict[int, Vectors]:
    found = {}
    for part in chunks(ids):
        query = select(EmbeddingRow.article_id, EmbeddingRow.vector)
        for id_, blob in session.execute(query.where(EmbeddingRow.space == space, EmbeddingRow.article_id.in_(part))):
            found[id_] = unpack(blob)
    return found


def unembedded(session: Session, space: str) -> list[int]:
    """Articles that some other space has a vector of and this one has not, newest first."""
    here = exists().where(EmbeddingRow.article_id == ArticleRow.id, EmbeddingRow.space == space)
    elsewhere = exists().where(EmbeddingRow.article_id == ArticleRow.id, EmbeddingRow.space != space)
    return list(session.scalars(select(ArticleRow.id).where(elsewhere, ~here).order_by(ArticleRow.at.desc())))


def stories_of(session: Session, article_ids: Sequence[int]) -> dict[int, StoryFacts]:
    """The live story of each article."""
    found = {}
    for part in chunks(article_ids):
        query = (
            select(MembershipRow.article_id, StoryRow)
            .join(StoryRow, StoryRow.id == MembershipRow.story_id)
            .where(MembershipRow.article_id.in_(part))
        )
        for id_, row in session.execute(query):
            found[id_] = StoryFacts(row.id, row.size, row.first_at, row.last_at, row.representative_id)
    return found


def article_view(session: Session, article_id: int) -> ArticleView:
    """Raises: NotFound."""
    return article_views(session, [article_id])[article_id]


def article_views(session: Session, ids: Sequence[int]) -> dict[int, ArticleView]:
    """Raises: NotFound."""
    found = {}
    for part in chunks(ids):
        query = select(ArticleRow, MembershipRow.story_id).join(
            MembershipRow, MembershipRow.article_id == ArticleRow.id
        )
        for row, story_id in session.execute(query.where(ArticleRow.id.in_(storable(part)))):
            found[row.id] = _view(row, story_id)
    for id_ in ids:
        if id_ not in found:
            raise NotFound(f"no article {id_}")
    return found


def matches(session: Session, article_id: int) -> tuple[MatchView, ...]:
    """Stored matches of an article, best first; each view is of the other article. Raises: NotFound."""
    article_view(session, article_id)
    query = select(MatchRow).where((MatchRow.article_id == article_id) | (MatchRow.other_id == article_id))
    rows = list(session.scalars(query.order_by(MatchRow.probability.desc(), MatchRow.id)))
    others = [row.other_id if row.article_id == article_id else row.article_id for row in rows]
    views = article_views(session, others)
    return tuple(_match(row, views[other]) for row, other in zip(rows, others, strict=True))


def stories(
    session: Session, *, limit: int, min_size: int, since: datetime | None, lang: str | None
) -> tuple[StorySummary, ...]:
    query = select(StoryRow).where(StoryRow.merged_into.is_(None), StoryRow.size >= min_size)
    if since is not None:
        query = query.where(StoryRow.last_at >= since)
    if lang is not None:
        speaks = exists().where(
            MembershipRow.story_id == StoryRow.id, MembershipRow.article_id == ArticleRow.id, ArticleRow.lang == lang
        )
        query = query.where(speaks)
    rows = list(session.scalars(query.order_by(StoryRow.last_at.desc(), StoryRow.id.desc()).limit(limit)))
    return _summaries(session, rows)


def living(session: Session, story_id: int) -> int:
    """The story that an id leads to, itself or the one it ended in. Raises: NotFound."""
    row = session.get(StoryRow, story_id) if 0 < story_id <= MAX_ID else None
    if row is None:
        raise NotFound(f"no story {story_id}")
    return row.id if row.merged_into is None else row.merged_into


def history(session: Session, story_id: int) -> tuple[StoryEvent, ...]:
    """What happened to a story and to those that ended in it, oldest first. Raises: NotFound."""
    id_ = living(session, story_id)
    ended = select(StoryRow.id).where((StoryRow.id == id_) | (StoryRow.merged_into == id_))
    query = select(StoryEventRow).where(StoryEventRow.story_id.in_(ended)).order_by(StoryEventRow.id)
    return tuple(
        StoryEvent(row.at, row.kind, row.story_id, row.article_id, row.detail or {}) for row in session.scalars(query)
    )


def story(session: Session, story_id: int) -> StoryView:
    """Raises: NotFound."""
    row = session.get_one(StoryRow, living(session, story_id))
    query = (
        select(ArticleRow, MembershipRow, MatchRow)
        .join(MembershipRow, MembershipRow.article_id == ArticleRow.id)
        .outerjoin(MatchRow, MatchRow.id == MembershipRow.match_id)
        .where(MembershipRow.story_id == row.id)
        .order_by(ArticleRow.at, ArticleRow.id)
    )
    found = session.execute(query).all()
    views = article_views(session, [match.other_id for _, _, match in found if match is not None])
    members = tuple(
        Member(_view(article, row.id), None if match is None else _match(match, views[match.other_id]))
        for article, _, match in found
    )
    return StoryView(_summaries(session, [row])[0], members)


def _summaries(session: Session, rows: Sequence[StoryRow]) -> tuple[StorySummary, ...]:
    titles: dict[int, str] = {}
    spoken: dict[int, set[tuple[str, str]]] = {}
    for part in chunks([row.representative_id for row in rows]):
        query = select(ArticleRow.id, ArticleRow.title, func.substr(ArticleRow.text, 1, 80))
        for id_, title, text in session.execute(query.where(ArticleRow.id.in_(part))):
            titles[id_] = title or text
    for part in chunks([row.id for row in rows]):
        members = (
            select(MembershipRow.story_id, ArticleRow.source, ArticleRow.lang)
            .join(ArticleRow, ArticleRow.id == MembershipRow.article_id)
            .where(MembershipRow.story_id.in_(part))
            .distinct()
        )
        for story_id, source, lang in session.execute(members):
            spoken.setdefault(story_id, set()).add((source, lang))
    return tuple(
        StorySummary(
            id=row.id,
            title=titles[row.representative_id],
            size=row.size,
            first_at=row.first_at,
            last_at=row.last_at,
            representative_id=row.representative_id,
            sources=tuple(sorted({source for source, _ in spoken[row.id]})),
            langs=tuple(sorted({lang for _, lang in spoken[row.id]})),
        )
        for row in rows
    )


def _view(row: ArticleRow, story_id: int) -> ArticleView:
    left = () if row.news_text is None else left_out(row.text, row.news_text)
    when = (row.published_at, row.at)
    return ArticleView(row.id, row.source, row.lang, row.title, row.text, row.url, *when, story_id, left)


def _match(row: MatchRow, view: ArticleView) -> MatchView:
    # A match that an earlier version wrote knows nothing of the signals that came later.
    stored: dict[str, Any] = {
        field.name: tuple(value) if isinstance(value := row.evidence.get(field.name), list) else value
        for field in fields(Evidence)
    }
    evidence = Evidence(**stored)
    return MatchView(view, Verdict(row.verdict), row.probability, evidence, row.evidence["reason"])


def storable(ids: Sequence[int]) -> list[int]:
    """Those that a database could hold: for larger ones its driver would raise instead of finding nothing."""
    return [id_ for id_ in ids if 0 < id_ <= MAX_ID]
