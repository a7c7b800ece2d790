"""Stories put right: what waits for repair is grouped anew with its neighbourhood, and stories follow the groups.

New and edited articles wait in the table `unsettled`, written in the transaction that stores them, and leave it in the
one that repairs their neighbourhood. Decisions are made outside the lock; inside it a neighbourhood is changed only if
it is still as it was read. So a crash repeats a repair and never halves one, and two processes do not undo each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.clustering import inherit
from dedup.config import Config
from dedup.ledger import EncodeRow, Ledger, shown
from dedup.neighbourhoods import Grouping, Neighbourhood, group, read
from dedup.pairs import Pairs
from dedup.results import RepairReport
from dedup.store import Store, UnsettledRow
from dedup.stories import StoryLimits, mean_probability, spread

# Articles whose neighbourhoods are read together and changed in one transaction.
SEEDS = 128
# Times that neighbourhoods are read again because another process changed them; then they wait for the next run.
ATTEMPTS = 5


class Mender:
    """Repairs the stories of one database. Not safe under threads: its caller lets one in at a time."""

    def __init__(self, space: str, pairs: Pairs, limits: StoryLimits, config: Config, encode: EncodeRow) -> None:
        self._space = space
        self._pairs = pairs
        self._limits = limits
        self._story = config.story
        self._encode = encode

    def run(self, store: Store, limit: int | None, told: Callable[[str, int, int], None]) -> RepairReport:
        """Repair around the waiting articles, the first ones first, until about `limit` of them wait no more.

        Raises:
            StoreUnavailable: the database cannot be written; what was repaired before stays repaired.
        """
        started = time.perf_counter()
        changes: dict[str, int] = {"merge": 0, "split": 0, "move": 0}
        examined = failures = 0
        if limit is None:
            # What a pair is worth may hang on what came since: over everything, everything is reckoned anew.
            self._pairs.clear()
        with store.reading() as session:
            total = _count(session)
        while (limit is None or examined < limit) and failures < ATTEMPTS:
            with store.reading() as session:
                seeds = waiting(session, SEEDS if limit is None else min(SEEDS, limit - examined))
                hoods = read(session, seeds, self._reach)
                plans = [(hood, self.plan(session, hood)) for hood in hoods]
            if not seeds:
                break
            with store.locked() as session:
                still = [(hood, grouping) for hood, grouping in plans if hood.is_current(session)]
                for hood, grouping in still:
                    for kind, count in self.follow(session, hood, grouping).items():
                        changes[kind] += count
                examined += _settle(session, [id_ for hood, _ in still for id_ in hood.articles])
            failures += len(still) < len(plans)
            told("repair", min(examined, total), total)
        with store.reading() as session:
            left = _count(session)
        return RepairReport(
            examined, changes["merge"], changes["split"], changes["move"], left, time.perf_counter() - started
        )

    def mend(self, session: Session, articles: Collection[int]) -> dict[str, int]:
        """Inside the lock: repair the neighbourhoods of some articles now; returns how many changes of each kind."""
        changes: dict[str, int] = {}
        for hood in read(session, articles, self._reach):
            for kind, count in self.follow(session, hood, self.plan(session, hood)).items():
                changes[kind] = changes.get(kind, 0) + count
            _settle(session, hood.articles)
        return changes

    def plan(self, session: Session, hood: Neighbourhood) -> Grouping:
        """How a neighbourhood groups."""
        self._pairs.load(session, hood.articles)
        return group(
            hood,
            self._pairs,
            self._limits,
            most=self._story.neighbourhood_articles,
            sample=self._story.sample_articles,
        )

    def follow(self, session: Session, hood: Neighbourhood, grouping: Grouping) -> dict[str, int]:
        """Inside the lock: make the stories of a neighbourhood what its groups are; returns the changes by kind.

        First articles leave for new and other stories, then whole stories end in older ones, so that every ended story
        leads to where most of its articles are.
        """
        story_of = hood.story_of
        heirs = inherit(grouping.groups, story_of)
        changed = [
            heir for heir in heirs if heir.story_id is None or set(heir.members) != set(hood.stories[heir.story_id])
        ]
        if not changed:
            return {}
        ledger = self.ledger(session)
        counts = {"merge": 0, "split": 0, "move": 0}
        touched: set[int] = set()
        self._pairs.load(session, hood.articles)
        for heir in changed:
            if heir.story_id is None:
                left = {story_of[id_] for id_ in heir.members}
                touched |= left | {ledger.take_out(heir.members, self._why(heir.members, hood, left))}
                counts["split"] += 1
                continue
            touched.add(heir.story_id)
            kept = {heir.story_id, *heir.absorbed}
            coming = [id_ for id_ in heir.members if story_of[id_] not in kept]
            if coming:
                left = {story_of[id_] for id_ in coming}
                ledger.move(coming, heir.story_id, self._why(coming, hood, left))
                touched |= left
                counts["move"] += len(coming)
        for heir in changed:
            for ended in heir.absorbed:
                mine = [id_ for id_ in heir.members if story_of[id_] == heir.story_id]
                theirs = [id_ for id_ in heir.members if story_of[id_] == ended]
                ledger.merge(heir.story_id or 0, ended, self._evidence(mine, theirs))
                touched.discard(ended)
                counts["merge"] += 1
        for story_id in sorted(touched):
            ledger.settle(story_id)
            ledger.rehang(story_id, self._pairs, grouping.ties)
        return counts

    def ledger(self, session: Session) -> Ledger:
        """What changes stories in this transaction."""
        return Ledger(session, self._space, datetime.now(UTC), self._story.source_rank, self._encode)

    @property
    def _reach(self) -> timedelta:
        return timedelta(hours=self._story.max_span_hours)

    def _why(self, leaving: Sequence[int], hood: Neighbourhood, left: set[int]) -> dict[str, object]:
        """How near articles were to those they leave behind."""
        behind = [id_ for story_id in sorted(left) for id_ in hood.stories[story_id] if id_ not in set(leaving)]
        return self._evidence(leaving, behind)

    def _evidence(self, one: Sequence[int], other: Sequence[int]) -> dict[str, object]:
        first, second = (spread(ids, self._story.sample_articles) for ids in (one, other))
        between = [(min(a, b), max(a, b)) for a in first for b in second]
        if not between:
            return {"why": "repair"}
        mean = mean_probability([self._pairs.weight(*pair) for pair in between])
        return {"why": "repair", "mean": round(mean, 4), "pairs": shown(self._pairs, between)}


def waiting(session: Session, count: int) -> list[int]:
    """Articles that wait for repair, the first ones."""
    return list(session.scalars(select(UnsettledRow.article_id).order_by(UnsettledRow.article_id).limit(count)))


def unsettle(session: Session, articles: Collection[int]) -> None:
    """Let articles wait for repair."""
    known: set[int] = set()
    for part in queries.chunks(sorted(articles)):
        known.update(session.scalars(select(UnsettledRow.article_id).where(UnsettledRow.article_id.in_(part))))
    session.add_all(UnsettledRow(article_id=id_) for id_ in sorted(set(articles) - known))
    session.flush()


def _settle(session: Session, articles: Sequence[int]) -> int:
    """Let these wait no more; returns how many did."""
    settled: list[int] = []
    for part in queries.chunks(sorted(articles)):
        gone = delete(UnsettledRow).where(UnsettledRow.article_id.in_(part)).returning(UnsettledRow.article_id)
        settled += session.scalars(gone)
    return len(settled)


def _count(session: Session) -> int:
    return session.scalar(select(func.count(UnsettledRow.article_id))) or 0
