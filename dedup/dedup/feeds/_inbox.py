"""Articles between fetching and sorting: written with the validators of their feed, gone when their story has them.

Fetching is bound by the network and sorting by the encoder; a transactional inbox between them lets neither wait for
the other, and a crash on either side loses nothing.
"""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from dedup._errors import DedupError
from dedup._queries import chunks
from dedup.results import FeedProblem, Placed
from dedup.store import ArticleRow, FeedRow, PendingRow, Store

if TYPE_CHECKING:
    from dedup.feeds._leases import Leases
    from dedup.service import Deduplicator
    from dedup_ingest import Article

log = logging.getLogger("dedup")

Taken = tuple[str, str, int | None, str]
"""Key, edition, feed id and encoded article of a row of `pending`."""


class Inbox:
    """What waits in a store to be sorted into stories."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.set_aside: list[FeedProblem] = []

    def __len__(self) -> int:
        with self._store.reading() as session:
            return session.scalar(select(func.count(PendingRow.id))) or 0

    def sort(self, service: Deduplicator, leases: Leases, limit: int) -> tuple[Placed, ...]:
        """Sort at most `limit` articles into stories, in one transaction; empty when nothing waits that is free.

        An article that breaks something which no other breaks is set aside: it waits, leased, and `set_aside` names it.

        Raises:
            StoreUnavailable: the database cannot be written; what was taken waits on.
        """
        while taken := leases.claim_pending(limit):
            if placed := self._sorted(service, taken):
                return placed
        return ()

    def _sorted(self, service: Deduplicator, taken: Sequence[Taken], *, part: bool = False) -> tuple[Placed, ...]:
        from dedup_accelerate import AccelerateError

        try:
            return self._add(service, taken)
        except (DedupError, AccelerateError, MemoryError):  # about the database or the model, not about an article
            raise
        except Exception as error:
            if len(taken) == 1:
                self._put_aside(taken[0], error)
                return ()
            half = len(taken) // 2
            placed = self._sorted(service, taken[:half], part=True) + self._sorted(service, taken[half:], part=True)
            if not placed and not part:  # what breaks every article is no article's fault
                raise
            return placed

    def _add(self, service: Deduplicator, taken: Sequence[Taken]) -> tuple[Placed, ...]:
        articles = [decoded(text) for _, _, _, text in taken]
        feed_ids = {key: feed_id for key, _, feed_id, _ in taken if feed_id is not None}

        def finish(session: Session) -> None:
            # Not by key alone: an entry that was edited meanwhile waits again.
            for part in chunks([(key, edition) for key, edition, _, _ in taken]):
                session.execute(delete(PendingRow).where(tuple_(PendingRow.key, PendingRow.edition).in_(part)))

        try:
            return service.add(articles, feed_ids=feed_ids, finish=finish)
        except IntegrityError:
            # A feed was removed since its articles were taken: they stay, the feed does not.
            return service.add(articles, feed_ids=self._still(feed_ids), finish=finish)

    def _put_aside(self, taken: Taken, error: Exception) -> None:
        key, _, feed_id, _ = taken
        with self._store.reading() as session:
            url = session.scalar(select(FeedRow.url).where(FeedRow.id == feed_id))
        words = f"article {key} cannot be sorted and waits: {type(error).__name__}: {error}"
        log.error("%s; this is a defect of the program, please report it", words)
        self.set_aside.append(FeedProblem(url or "", "unsortable", words))

    def _still(self, feed_ids: dict[str, int]) -> dict[str, int]:
        with self._store.reading() as session:
            there: set[int] = set()
            for part in chunks(sorted(set(feed_ids.values()))):
                there.update(session.scalars(select(FeedRow.id).where(FeedRow.id.in_(part))))
        return {key: id_ for key, id_ in feed_ids.items() if id_ in there}


def put(
    session: Session, brought: Sequence[tuple[int, Sequence[Article]]], now: datetime
) -> tuple[Counter[int], int, int]:
    """Let the articles of (feed id, articles) wait that are new or edited; a key that comes twice waits once.

    Returns the number of new articles of each feed, of known ones, and of those that wait now because of this.
    """
    from dedup.service import effective_time

    latest = {article.key: (feed_id, article) for feed_id, articles in brought for article in articles}
    stored = _editions(session, ArticleRow, latest)
    waiting = _editions(session, PendingRow, latest)
    fresh: Counter[int] = Counter()
    rows: list[dict[str, Any]] = []
    for key, (feed_id, article) in sorted(latest.items()):  # one order for all, or two writers wait for each other
        if key not in stored and key not in waiting:
            fresh[feed_id] += 1
        if waiting.get(key, stored.get(key)) == article.revision:
            continue
        rows.append(
            {
                "key": key,
                "edition": article.revision,
                "feed_id": feed_id,
                "at": effective_time(article.published, now),
                "article": _encoded(article),
            }
        )
    if rows:
        dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
        insert = dialect.insert(PendingRow)
        new = insert.excluded
        statement = insert.on_conflict_do_update(
            index_elements=["key"],
            # Nobody's any more: who is sorting the old text must not delete the new one.
            set_={
                "edition": new.edition,
                "article": new.article,
                "at": new.at,
                "lease_owner": None,
                "lease_until": None,
            },
        )
        session.execute(statement, rows)
    return fresh, len(latest) - len(rows), len(rows)


def known(store: Store, articles: Sequence[Article]) -> set[str]:
    """The keys of those articles that are stored, or wait, as they are."""
    keys = [article.key for article in articles]
    with store.reading() as session:
        editions = _editions(session, ArticleRow, keys) | _editions(session, PendingRow, keys)
    return {article.key for article in articles if editions.get(article.key) == article.revision}


def _editions(session: Session, table: type[ArticleRow] | type[PendingRow], keys: Iterable[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for part in chunks(list(keys)):
        query = select(table.key, table.edition).where(table.key.in_(part))
        found.update((key, edition) for key, edition in session.execute(query))
    return found


def _encoded(article: Article) -> str:
    values = [getattr(article, field.name) for field in fields(article)]
    return json.dumps([_iso(value) if isinstance(value, datetime) else value for value in values], ensure_ascii=False)


def _iso(moment: datetime) -> str:
    return moment.isoformat()


def decoded(text: str) -> Article:
    """The article of a row of `pending`."""
    from dedup_ingest import Article

    names = [field.name for field in fields(Article)]
    values = dict(zip(names, json.loads(text), strict=False))
    values["published"] = datetime.fromisoformat(values["published"]) if values["published"] else None
    return Article(**values)
