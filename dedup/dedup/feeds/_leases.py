"""Who is fetching what: leases in SQL, so that several processes share the feeds and none is visited twice.

Two APScheduler processes on one job store both run a job (measured with 3.11), so the decision is made here: one
statement takes what is due and free, and a process that was killed loses its leases when they end.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute

from dedup._queries import chunks
from dedup.store import FeedRow, PendingRow, Store

if TYPE_CHECKING:
    from dedup_ingest import FeedRequest

Leased = type[FeedRow] | type[PendingRow]
Moment = InstrumentedAttribute[datetime | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """A feed to visit, leased to `owner`."""

    feed_id: int
    request: FeedRequest
    owner: str


class Leases:
    """The leases of one run; everything it holds is renewed, or given back, at once.

    When the clock is set, or the machine wakes from sleep, every lease seems to be over, or to be longer than any that
    is given. Then what is held is renewed before anything is claimed, and for the length of a lease nothing is taken
    that somebody holds: who lives renews it meanwhile, and who is dead loses it afterwards. A process that begins then
    has not seen the clock as it was, and takes what seems to be over; the longer ones it finds are mended.
    """

    def __init__(self, store: Store, seconds: float) -> None:
        self.owner = f"{_process(os.getpid())}:{uuid.uuid4().hex[:8]}"
        self._store = store
        self._seconds = timedelta(seconds=seconds)
        self._ahead = _clock_ahead()
        self._doubtful_until = time.monotonic()

    def claim_feeds(self, limit: int, now: datetime | None = None) -> list[Claim]:
        """At most `limit` feeds that are due and that nobody else has, longest overdue first."""
        polled = select(FeedRow.id).where(FeedRow.disabled_reason.is_(None)).order_by(FeedRow.next_at, FeedRow.id)
        return self._claimed(polled, limit, now, due=FeedRow.next_at)

    def claim_these(self, feed_ids: Sequence[int]) -> list[Claim]:
        """Those of these feeds that nobody else has, whether they are due, and polled, or not."""
        claims: list[Claim] = []
        for part in chunks(feed_ids):
            these = select(FeedRow.id).where(FeedRow.id.in_(part)).order_by(FeedRow.id)
            claims += self._claimed(these, len(part))
        return claims

    def claim_pending(self, limit: int, now: datetime | None = None) -> list[tuple[str, str, int | None, str]]:
        """(key, edition, feed_id, article) of at most `limit` articles that wait to be sorted, oldest first."""
        waiting = select(PendingRow.id).order_by(PendingRow.at, PendingRow.id)
        columns = (PendingRow.key, PendingRow.edition, PendingRow.feed_id, PendingRow.article)
        return [tuple(row) for row in self._take(PendingRow, waiting, limit, columns, now)]

    def renew(self) -> None:
        """Hold on to everything for another `seconds`, and let nobody hold anything for longer."""
        until = datetime.now(UTC) + self._seconds
        with self._store.writing() as session:
            for table in (FeedRow, PendingRow):
                session.execute(update(table).where(table.lease_owner == self.owner).values(lease_until=until))
                # A lease longer than any that is given was written before the clock was set back. Who is mending
                # others at the same time locks other rows first: PostgreSQL would call that a deadlock.
                longer = select(table.id).where(table.lease_until > until + self._seconds)
                longer = longer.with_for_update(skip_locked=True)
                session.execute(update(table).where(table.id.in_(longer)).values(lease_until=until))

    def recover(self) -> int:
        """Free what processes of this machine hold that have ended without giving it back; returns how many.

        Without it, what was running when a process was killed waits for the end of its lease; for a lease written
        before the clock was set back, which `renew` mends, that would be when the clock is there again.
        """
        self.renew()
        freed = 0
        with self._store.reading() as session:
            owners = {
                owner
                for table in (FeedRow, PendingRow)
                for owner in session.scalars(select(table.lease_owner).where(table.lease_owner.is_not(None)).distinct())
                if owner and _has_ended(owner)
            }
        if not owners:
            return 0
        with self._store.writing() as session:
            for table in (FeedRow, PendingRow):
                theirs = update(table).where(table.lease_owner.in_(owners)).values(lease_owner=None, lease_until=None)
                freed += session.execute(theirs).rowcount  # type: ignore[attr-defined]
        return freed

    def release(self) -> None:
        """Give everything back: it is due for whoever asks next."""
        with self._store.writing() as session:
            for table in (FeedRow, PendingRow):
                mine = table.lease_owner == self.owner
                session.execute(update(table).where(mine).values(lease_owner=None, lease_until=None))

    def _settled(self) -> timedelta:
        """By how much the clock is ahead, once what is held is leased by it."""
        ahead = _clock_ahead()
        if self._is_another_clock(self._ahead, ahead):
            self._doubtful_until = time.monotonic() + self._seconds.total_seconds()
            self.renew()
            self._ahead = ahead
        return ahead

    def _is_another_clock(self, one: timedelta, other: timedelta) -> bool:
        return abs(other - one) > self._seconds / 3  # less cannot end a lease: it is renewed when a third of it is over

    def _free(self, table: Leased, now: datetime) -> ColumnElement[bool]:
        if time.monotonic() < self._doubtful_until:
            return table.lease_until.is_(None)
        return or_(table.lease_until.is_(None), table.lease_until <= now)

    def _claimed(
        self, wanted: Select[Any], limit: int, at: datetime | None = None, due: Moment | None = None
    ) -> list[Claim]:
        from dedup_ingest import FeedRequest

        columns = (FeedRow.id, FeedRow.url, FeedRow.etag, FeedRow.last_modified, FeedRow.scope)
        found = self._take(FeedRow, wanted, limit, columns, at, due)
        return [Claim(id_, FeedRequest(url, etag, at, scope), self.owner) for id_, url, etag, at, scope in found]

    def _take(
        self,
        table: Leased,
        wanted: Select[Any],
        limit: int,
        columns: tuple[Any, ...],
        at: datetime | None,
        due: Moment | None = None,
    ) -> list[Any]:
        """Those of `wanted` that nobody has and, where `due` is a column, that fall due `at` the moment or before."""
        while True:
            ahead = self._settled()
            now = at or datetime.now(UTC)
            # SKIP LOCKED (PostgreSQL; SQLite has one writer at a time): two processes that ask at once share instead
            # of waiting for each other and finding nothing.
            free = wanted.where(self._free(table, now), *([due <= now] if due is not None else []))
            picked = free.limit(limit).with_for_update(skip_locked=True).cte("picked")
            statement = (
                update(table)
                .where(table.id.in_(select(picked.c.id)))
                .values(lease_owner=self.owner, lease_until=now + self._seconds)
                .returning(*columns)
                .execution_options(synchronize_session=False)
            )
            with self._store.writing() as session:
                taken = list(session.execute(statement))
                # Set while this waited for the lock, it made leases that others have renewed since look void or over.
                if not self._is_another_clock(ahead, _clock_ahead()):
                    return taken
                session.rollback()


def _clock_ahead() -> timedelta:
    """By how much the clock on the wall is ahead of the one that nobody can set."""
    return timedelta(seconds=time.time() - time.monotonic())


def _process(pid: int) -> str | None:
    """A name of a living process that no other has: not on another machine, in another container or later.

    None when there is no such process. Without /proc a process is never known to have ended.
    """
    try:
        # One machine from start to start, one name space of process ids in it, and when the process began in it.
        boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = Path("/proc/self/ns/pid").stat().st_ino
    except OSError:
        return f"{uuid.getnode():x}:{pid}" if pid == os.getpid() else None
    try:
        # The name in the second field may hold anything, spaces and brackets included.
        status = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    state, *rest = status.rpartition(")")[2].split()
    return None if state in "ZX" else f"{boot}:{space}:{pid}:{rest[18]}"


def _has_ended(owner: str) -> bool:
    parts = owner.split(":")
    own = (_process(os.getpid()) or "").split(":")
    if len(parts) != 5 or parts[:2] != own[:2] or len(own) != 4:
        return False
    return _process(int(parts[2])) != ":".join(parts[:4])
