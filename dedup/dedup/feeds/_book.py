"""The book of feeds: which there are, who speaks for them, whether they are polled."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from sqlalchemy import ColumnElement, or_, select, update
from sqlalchemy.orm import Session

from dedup._errors import FeedRefused, NotFound
from dedup.config import Config
from dedup.feeds import _plans as plans
from dedup.feeds._views import FeedView, view_of
from dedup.results import FeedProblem
from dedup.store import ArticleRow, FeedRow, Store
from dedup_ingest import (
    FeedLine,
    ScheduleError,
    address_problem,
    feed_identity,
    next_cron,
    read_feed_list,
    replanned,
    write_opml,
)

if TYPE_CHECKING:
    from dedup_ingest import FeedList

Selection = Literal["all", "polled", "disabled", "trouble"]


@dataclass(frozen=True, slots=True)
class Synchronised:
    """What reading lists of feeds changed. `known` were there already, `problems` are lines that cannot be used.

    `by_hand` counts those of the known ones that somebody has disabled by hand: no list takes that back.
    """

    added: int
    enabled: int
    disabled: int
    known: int
    by_hand: int
    problems: tuple[FeedProblem, ...]


class FeedBook:
    """The feeds of an open database. Safe under threads and processes: each method is one transaction.

    A feed is named by its id, its URL, or a URL it had before it moved.
    """

    def __init__(self, store: Store, config: Config) -> None:
        self._store = store
        self._config = config

    def feeds(self, which: Selection = "all", *, limit: int | None = None) -> tuple[FeedView, ...]:
        """The feeds in the order in which they were added.

        `which`: all; polled; disabled; trouble (failing, readable with a problem, or disabled by what a server said).
        """
        with self._store.reading() as session:
            return feed_views(session, which, limit=limit)

    def feed(self, name: str) -> FeedView:
        """Raises: NotFound."""
        with self._store.reading() as session:
            return view_of(_row(session, name))

    def add(self, url: str, *, title: str | None = None, group: str | None = None, cron: str | None = None) -> FeedView:
        """Poll a feed from now on, whatever any list says; one that is known is enabled and given group and cron.

        Raises:
            FeedRefused: the address is neither an http(s) URL nor an absolute path, or the cron expression cannot be
                read.
        """
        now = datetime.now(UTC)
        problem = address_problem(url)
        if problem is not None:
            raise FeedRefused(f"cannot be added: {problem}")
        if cron is not None:
            try:
                next_cron(cron, now)
            except ScheduleError as error:
                raise FeedRefused(str(error)) from error
        with self._store.locked() as session:
            row = _Names(session).find(url)
            if row is None:
                row = _new(url, now, title=title)
                session.add(row)
            elif row.disabled_reason:
                plans.enable(row, now)
            elif cron is not None:
                row.next_at = next_cron(cron, now)
            row.origin = None
            row.group, row.cron = group or row.group, cron or row.cron
            session.flush()
            return view_of(row)

    def disable(self, name: str) -> FeedView:
        """Poll it no more, until `enable`; no list brings it back. Raises: NotFound."""
        with self._store.writing() as session:
            row = _row(session, name)
            if row.disabled_reason != "by_hand":
                plans.disable(row, "by_hand", datetime.now(UTC))
            return view_of(row)

    def enable(self, name: str) -> FeedView:
        """Poll it, the first time at once. Raises: NotFound."""
        with self._store.writing() as session:
            row = _row(session, name)
            if row.disabled_reason is not None:
                plans.enable(row, datetime.now(UTC))
            return view_of(row)

    def remove(self, name: str) -> FeedView:
        """Forget a feed; its articles stay. A visit that is under way is ignored.

        Raises:
            NotFound
            FeedRefused: a list would bring it back.
        """
        with self._store.writing() as session:
            row = _row(session, name)
            if row.origin is not None and row.disabled_reason != "unlisted":
                raise FeedRefused(f"{row.url} stands in {row.origin}: take it out there, or disable it")
            view = view_of(row)
            session.execute(update(ArticleRow).where(ArticleRow.feed_id == row.id).values(feed_id=None))
            session.delete(row)
            return view

    def import_list(self, path: Path) -> Synchronised:
        """Add the feeds of a list or an OPML file, as if each were added by hand; groups and titles come along.

        But a feed that was disabled by hand stays so: a list does not say that somebody has changed their mind.

        Raises:
            dedup_ingest.FeedListError: the file cannot be read.
        """
        return self._merge([(path, read_feed_list(path))], follow=False)

    def synchronise(self, lists: Sequence[Path]) -> Synchronised:
        """Poll the feeds of these lists, and those no more that stand in none of them and came from one.

        Feeds that were added, or disabled, by hand are left as they are; so is everything of a list that breaks off.
        A list counts as it is read, an empty one too, and a feed that it loses and names again goes on where it was:
        the next visit, failures and validators are kept. So a list that is read while it is being written costs
        nothing, and one that was emptied on purpose is obeyed at once.

        Raises:
            dedup_ingest.FeedListError: a list cannot be read; nothing was changed.
        """
        return self._merge([(path, read_feed_list(path)) for path in lists], follow=True)

    def once(self, lists: Sequence[Path]) -> tuple[tuple[int, ...], tuple[FeedProblem, ...]]:
        """The ids of the feeds of the lists, for a single visit to each; those that are new are not polled after it.

        Raises:
            dedup_ingest.FeedListError: a list cannot be read.
        """
        now = datetime.now(UTC)
        read = [(path, read_feed_list(path)) for path in lists]
        with self._store.locked() as session:  # two that add one feed at a time would both find it missing
            names = _Names(session)
            rows: list[FeedRow] = []
            for line, _ in _lines(read):
                row = names.wanted(line.url)
                if row is None:
                    row = _new(line.url, now, title=line.title, group=line.group)
                    plans.disable(row, "once", now)
                    session.add(row)
                    names.keep(row)
                rows.append(row)
            session.flush()
            ids = tuple(dict.fromkeys(row.id for row in rows))  # two addresses of a list may have become one feed
        return ids, _problems(read)

    def export_opml(self, which: Selection = "polled") -> str:
        """An OPML 2.0 document of the feeds that are fetched over HTTP, their groups as folders."""
        feeds = [view for view in self.feeds(which) if "://" in view.url]
        return write_opml(((view.url, view.title, view.group) for view in feeds), title="Feeds of news-dedup")

    def replan(self, now: datetime | None = None, *, crons: bool = False) -> int:
        """Mend plans that were made while the clock showed a later time and, with `crons`, under another expression.

        Returns how many were changed. No visit is put off by this.
        """
        now = now or datetime.now(UTC)
        settings = plans.settings_of(self._config)
        doubtful = FeedRow.next_at.is_not(None) & self._doubtful(now, crons)
        with self._store.reading() as session:
            if session.scalar(select(FeedRow.id).where(doubtful).limit(1)) is None:
                return 0
        changed = 0
        with self._store.writing() as session:
            for row in session.scalars(select(FeedRow).where(doubtful).order_by(FeedRow.id)):
                plan = plans.plan_of(row, self._config)
                mended = replanned(plan, now, settings)
                if mended is plan and plan.cron and plan.next_at and not plan.failures:
                    mended = replace(plan, next_at=min(plan.next_at, next_cron(plan.cron, now)))
                if mended != plan:
                    plans.keep(row, mended)
                    changed += 1
        return changed

    def _doubtful(self, now: datetime, crons: bool) -> ColumnElement[bool]:
        late = now + plans.drift_of(self._config)
        # By a past that lies ahead; or by the wait of a feed that was never visited.
        ahead = (FeedRow.checked_at > late) | (FeedRow.checked_at.is_(None) & (FeedRow.next_at > late))
        return ahead | (FeedRow.next_at > now) if crons else ahead

    def _merge(self, read: Sequence[tuple[Path, FeedList]], *, follow: bool) -> Synchronised:
        now = datetime.now(UTC)
        added = enabled = known = by_hand = 0
        with self._store.locked() as session:  # two that add one feed at a time would both find it missing
            names = _Names(session)
            listed: set[int] = set()
            for line, origin in _lines(read):
                row = names.wanted(line.url)
                if row is None:
                    row = _new(line.url, now, title=line.title, group=line.group)
                    session.add(row)
                    names.keep(row)
                    added += 1
                elif row.disabled_reason in plans.LISTS_ENABLE:
                    plans.list_again(row, now)
                    enabled += 1
                else:
                    known += 1
                    by_hand += row.disabled_reason == "by_hand"
                    if follow and row.origin is None:
                        continue  # added by hand: no list speaks for it
                row.origin = origin if follow else None
                row.group, row.title = line.group or row.group, row.title or line.title
                session.flush()
                listed.add(row.id)
            disabled = self._unlist(session, read, listed, now) if follow else 0
        return Synchronised(added, enabled, disabled, known, by_hand, _problems(read))

    def _unlist(self, session: Session, read: Sequence[tuple[Path, FeedList]], listed: set[int], now: datetime) -> int:
        whole = [_origin(path) for path, list_ in read if list_.whole]
        count = 0
        query = select(FeedRow).where(FeedRow.origin.in_(whole), FeedRow.disabled_reason.is_(None))
        for row in session.scalars(query):
            if row.id not in listed:
                plans.disable(row, "unlisted", now, f"no longer in {row.origin}")
                count += 1
        return count


def feed_views(
    session: Session, which: Selection = "all", *, limit: int | None = None, after: int = 0
) -> tuple[FeedView, ...]:
    query = select(FeedRow).where(FeedRow.id > after).order_by(FeedRow.id).limit(limit)
    if which == "polled":
        query = query.where(FeedRow.disabled_reason.is_(None))
    elif which == "disabled":
        query = query.where(FeedRow.disabled_reason.is_not(None))
    elif which == "trouble":
        ended = FeedRow.disabled_reason.in_(("gone", "moved"))
        query = query.where(or_(FeedRow.failures > 0, FeedRow.problem.is_not(None), ended))
    return tuple(view_of(row) for row in session.scalars(query))


class _Names:
    """Every way to say which feed is meant, over all of them: one query for a list of thousands."""

    def __init__(self, session: Session) -> None:
        self._rows: dict[str, FeedRow] = {}
        for row in session.scalars(select(FeedRow).order_by(FeedRow.id)):
            self.keep(row)

    def keep(self, row: FeedRow) -> None:
        # Its own address counts for more than the one that another feed has left.
        self._rows[feed_identity(row.url)] = row
        left = [entry["url"] for entry in row.history or [] if entry["event"] == "moved"]
        for url in filter(None, (row.scope, *left)):
            self._rows.setdefault(feed_identity(url), row)

    def find(self, url: str) -> FeedRow | None:
        return self._rows.get(feed_identity(url))

    def wanted(self, url: str) -> FeedRow | None:
        """The feed that a list means by this address."""
        row = self.find(url)
        return None if row is None else self._end(row)

    def _end(self, row: FeedRow) -> FeedRow:
        """The feed that has taken the place of one which moved to its address; else the feed itself."""
        seen = {row.id}
        while row.disabled_reason == "moved":
            address = row.history[-1].get("url") if row.history else None  # unknown of moves before this was kept
            target = self.find(address) if address else None
            if target is None or target.id in seen:
                break
            seen.add(target.id)
            row = target
        return row


def _row(session: Session, name: str) -> FeedRow:
    if name.isascii() and name.isdigit() and len(name) < 19:
        row = session.get(FeedRow, int(name))
    else:
        row = _Names(session).find(name)
    if row is None:
        raise NotFound(f"no feed {name}")
    return row


def _new(url: str, now: datetime, *, title: str | None = None, group: str | None = None) -> FeedRow:
    return FeedRow(url=url, added_at=now, next_at=now, failures=0, title=title, group=group)


def _lines(read: Iterable[tuple[Path, FeedList]]) -> Iterable[tuple[FeedLine, str]]:
    """Each feed once, with the first list that it stands in."""
    seen: set[str] = set()
    for path, list_ in read:
        for line in list_.feeds:
            identity = feed_identity(line.url)
            if identity not in seen:
                seen.add(identity)
                yield line, _origin(path)


def _origin(path: Path) -> str:
    return str(path.resolve())


def _problems(read: Iterable[tuple[Path, FeedList]]) -> tuple[FeedProblem, ...]:
    return tuple(
        FeedProblem(f"{path}:{problem.line}", "feed list", problem.message)
        for path, list_ in read
        for problem in list_.problems
    )
