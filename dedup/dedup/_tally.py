"""Running totals of a job that brings articles in."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from dedup.results import FeedProblem, IngestReport, PageCounts, Placed, RepairReport

if TYPE_CHECKING:
    from dedup.service import Deduplicator


@dataclass(slots=True)
class Tally:
    """Counts from now on."""

    service: Deduplicator
    started: float = field(default_factory=time.perf_counter)
    feeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    problems: list[FeedProblem] = field(default_factory=list)
    encoded: int = 0
    encoder_seconds: float = 0.0

    def __post_init__(self) -> None:
        self.encoded, self.encoder_seconds = self.service.encoded, self.service.encoder_seconds

    def add(self, name: str, by: int = 1) -> None:
        self.counts[name] += by

    def place(self, placed: Sequence[Placed]) -> None:
        # A key that comes twice in one run was placed once.
        for one in {item.article_id: item for item in placed}.values():
            self.add(one.outcome)

    def report(self, repair: RepairReport) -> IngestReport:
        counts = self.counts
        return IngestReport(
            feeds=self.feeds,
            fetched=counts["fetched"],
            not_modified=counts["not_modified"],
            failed=counts["failed"],
            elsewhere=counts["elsewhere"],
            entries=counts["entries"],
            skipped=counts["skipped"],
            stored=counts["new_story"] + counts["joined"],
            updated=counts["updated"],
            known=counts["known"],
            joined=counts["joined"],
            stories=counts["new_story"],
            encoded=self.service.encoded - self.encoded,
            seconds=time.perf_counter() - self.started,
            encoder_seconds=self.service.encoder_seconds - self.encoder_seconds,
            pages=PageCounts(*(counts[f"page:{status.name}"] for status in fields(PageCounts))),
            repair=repair,
            problems=tuple(self.problems),
        )
