"""What people read in a terminal: rich renderables made of results. Titles are data and never read as markup."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from dedup.verdict import Verdict

if TYPE_CHECKING:
    from pathlib import Path

    from dedup.calibration import Calibration
    from dedup.doctor import Check
    from dedup.evidence import Evidence
    from dedup.quality import Evaluation, Mistake
    from dedup.results import (
        ArticleView,
        IngestReport,
        MatchView,
        Member,
        StoreStats,
        StorySummary,
        StoryView,
    )

VERDICT_STYLES = {
    Verdict.IDENTICAL: "bold green",
    Verdict.NEAR_COPY: "green",
    Verdict.SAME_EVENT: "cyan",
    Verdict.DISTINCT: "yellow",
}
STATUS_STYLES = {"ok": "green", "note": "dim", "warning": "yellow", "broken": "bold red"}
DIM = "dim"
PAGES = {
    "text": "gave the article's text",
    "short": "said no more than the feed",
    "paywall": "behind a paywall",
    "consent": "behind a consent wall",
    "unrelated": "about something else",
    "failed": "failed",
}
REPAIRS = {"merged": "stories merged", "split": "split off", "moved": "articles moved"}
# Names or numbers that one line of an explanation lists.
MAX_VALUES = 6


def report(result: IngestReport) -> RenderableType:
    """The totals of one run in three to five lines, then the feeds that could not be used."""
    lines = Text()
    if result.feeds:
        lines.append(f"{result.feeds} {plural(result.feeds, 'feed')}")
        lines.append(f": {result.fetched} fetched, {result.not_modified} unchanged, {result.failed} failed")
        if result.elsewhere:
            them = "it" if result.elsewhere == 1 else "them"
            lines.append(f", {result.elsewhere} left to another process that is visiting {them} now")
        lines.append("\n")
    lines.append(f"{result.entries} {plural(result.entries, 'article')} read: ")
    lines.append(f"{result.stored} new", style="bold")
    lines.append(f", {result.updated} updated, {result.known} known already, {result.skipped} skipped\n")
    lines.append(f"{result.joined} of the new joined a story", style="bold")
    lines.append(f", {result.stories} opened one\n")
    if pages := _counted(asdict(result.pages), PAGES):
        lines.append(f"pages: {pages}\n")
    if repaired := _counted(asdict(result.repair), REPAIRS):
        lines.append(f"repair: {repaired}\n")
    share = result.encoder_seconds / result.seconds if result.seconds else 0.0
    lines.append(
        f"{result.seconds:.1f} s, {share:.0%} of it in the encoder "
        f"({result.encoded} encoded, {result.stored - result.encoded} known as copies before it)"
        if 0 <= result.encoded <= result.stored
        else f"{result.seconds:.1f} s, {share:.0%} of it in the encoder ({result.encoded} encoded)",
        style=DIM,
    )
    problems = [
        Text.assemble(("problem ", "bold red"), f"{problem.feed}: {problem.message} ", (f"({problem.kind})", DIM))
        for problem in result.problems
    ]
    return Group(lines, *problems)


def _counted(counts: Mapping[str, int], words: Mapping[str, str]) -> str:
    """What there is at least one of, in words."""
    return ", ".join(f"{counts[name]} {said}" for name, said in words.items() if counts[name])


def stories(summaries: Sequence[StorySummary]) -> RenderableType:
    """One line for each story."""
    if not summaries:
        return Text("no stories")
    table = plain_table()
    table.add_column("story", justify="right")
    table.add_column("articles", justify="right")
    table.add_column("when (UTC)", no_wrap=True)
    table.add_column("in", no_wrap=True)
    table.add_column("title", overflow="fold")
    for story in summaries:
        table.add_row(
            str(story.id),
            str(story.size),
            _span(story.first_at, story.last_at),
            " ".join(story.langs),
            Text(story.title, style="bold" if story.size > 1 else ""),
        )
    return table


def stories_with_reasons(views: Iterable[StoryView]) -> RenderableType:
    """Each story with its articles, and why each of them is there."""
    blocks: list[RenderableType] = []
    for view in views:
        summary = view.story
        head = Text.assemble((f"Story {summary.id}  ", "bold"), (summary.title, "bold"))
        sources = f"{len(summary.sources)} {plural(len(summary.sources), 'outlet')}"
        size = f"{summary.size} {plural(summary.size, 'article')}"
        facts = f"{size}, {sources}, {' '.join(summary.langs)}, {_span(summary.first_at, summary.last_at)} UTC"
        blocks += [head, Text(facts, style=DIM), Padding(_members(view.members), (0, 0, 1, 2))]
    return Group(*blocks)


def _members(members: Sequence[Member]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, justify="right", style=DIM)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, max_width=22)
    grid.add_column(no_wrap=True)
    grid.add_column(overflow="fold")
    for member in members:
        article, match = member.article, member.joined_by
        body = Text(article.title)
        body.append("\n")
        if match is None:
            body.append("opened the story", style=DIM)
        else:
            body.append_text(_verdict(match))
            body.append(f" as {match.article.id}: {match.reason}", style=DIM)
        grid.add_row(str(article.id), f"{article.at.astimezone(UTC):%H:%M}", _outlet(article), article.lang, body)
    return grid


def matches(found: Sequence[MatchView]) -> RenderableType:
    """The answer to "what is like this?", best first."""
    if not found:
        return Text("nothing like it is stored")
    blocks: list[RenderableType] = []
    for match in found:
        article = match.article
        where = f"story {article.story_id}, article {article.id}, {_told_by(article)}"
        blocks.append(Text.assemble(_verdict(match), "  ", (article.title, "bold")))
        blocks.append(Padding(Text(f"{match.reason}\n{where}", style=DIM), (0, 0, 0, 2)))
    return Group(*blocks)


def explanation(first: ArticleView, match: MatchView) -> RenderableType:
    """Two articles, the verdict, and every piece of evidence under it."""
    evidence = match.evidence
    rows: list[tuple[str, str]] = [
        ("meaning", _meaning(evidence)),
        ("words", f"{evidence.jaccard:.0%} of the shingles in common, {evidence.containment:.0%} of the shorter text"),
        ("copied", f"{match.near_copy_probability:.0%} likely; the shorter one has {evidence.words} words"),
        ("headlines", f"{evidence.title_overlap:.0%} of the words in common"),
        ("names", _support(evidence.name_support, evidence.shared_names, evidence.conflicting_names)),
        ("numbers", _support(evidence.number_support, evidence.shared_numbers, evidence.conflicting_numbers)),
        ("against", "; ".join(evidence.conflicts) or "nothing"),
        ("time", "unknown" if evidence.hours_apart is None else f"{evidence.hours_apart:.1f} hours apart"),
        ("outlets", "the same" if evidence.same_source else _outlets(first.source, match.article.source)),
        ("languages", "two" if evidence.translation else "one"),
    ]
    standing = dict.fromkeys((*first.left_out, *match.article.left_out))
    if standing:
        rows.append(("left out", "what its source always writes: " + " ".join(standing)))
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style=DIM)
    grid.add_column(overflow="fold")
    for name, value in rows:
        grid.add_row(name, Text(value))
    return Group(
        _heading(first),
        _heading(match.article),
        Text.assemble(_verdict(match), f"  {match.reason}"),
        Padding(grid, (0, 0, 0, 2)),
    )


def stats(result: StoreStats) -> RenderableType:
    """Counts of the store and of the index."""
    return facts(
        [
            ("articles", f"{result.articles:,}"),
            ("stories", f"{result.stories:,}"),
            ("matches", f"{result.matches:,}"),
            ("feeds", f"{result.feeds:,}"),
            ("embeddings", f"{result.embeddings:,}"),
            ("indexed", f"{result.indexed:,}"),
            ("model", f"{result.model}, {result.dimension} dimensions"),
            ("artifact", result.artifact),
        ]
    )


def checks(found: Sequence[Check]) -> RenderableType:
    """What the doctor saw, one block for each check."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, style="bold")
    grid.add_column(overflow="fold")
    for check in found:
        body = Text(check.detail)
        if check.advice:
            body.append(f"\n→ {check.advice}", style="" if check.status == "ok" else STATUS_STYLES[check.status])
        grid.add_row(Text(check.status, style=STATUS_STYLES[check.status]), check.name, body)
    return grid


def evaluation(found: Evaluation, errors: int) -> RenderableType:
    """The figures of an evaluation, what was noted, and the worst mistakes with their evidence."""
    from dedup.quality import figure_rows

    subject = found.subject
    rows = figure_rows(found)
    table = plain_table()
    for column in rows[0]:
        table.add_column(column, justify="right" if column else "left", no_wrap=True)
    for row in rows[1:]:
        table.add_row(*row)
    head = Text.assemble((subject.name, "bold"), f": {subject.items:,} {subject.kind}, ")
    head.append(f"{subject.true_pairs:,} pairs belong together; {subject.model}, {found.seconds:.0f} s")
    blocks: list[RenderableType] = [head, *(Text(note, style=DIM) for note in found.notes), table]
    if subject.kind == "pairs":
        named = (("AUC", found.auc), ("Pearson", found.pearson))
        blocks.append(Text("  ".join(f"{name} {value:.3f}" for name, value in named if value is not None)))
    for title, count, mistakes in (
        ("joined and should not have been", found.joined_wrongly, found.false_joins),
        ("not joined and should have been", found.missed, found.misses),
    ):
        shown = min(errors, len(mistakes))
        worst = f", the worst {shown}:" if shown else ""
        blocks.append(Text(f"\n{count:,} {plural(count, 'pair')} {title}{worst}", style="bold"))
        blocks += [_mistake(one) for one in mistakes[:shown]]
    return Group(*blocks)


def calibration(found: Calibration, path: Path) -> RenderableType:
    """A threshold that was chosen, on what, and where it is kept."""
    of = f"{found.pairs:,} pairs of {', '.join(found.data)}, {found.same_pairs:,} of one event"
    return Group(
        Text.assemble((f"joined from a probability of {found.min_probability:.3f} on", "bold")),
        Text(f"precision {found.precision:.3f} (asked for {found.wanted_precision:g}), recall {found.recall:.3f}"),
        Text(f"on {of}\n{path}", style=DIM),
    )


def _mistake(one: Mistake) -> RenderableType:
    from dedup.quality import evidence_lines

    return Group(Text(one.title_a), Text(one.title_b), Padding(facts(evidence_lines(one)), (0, 0, 1, 2)))


def _verdict(match: MatchView) -> Text:
    words = match.verdict.value.replace("_", " ")
    if match.evidence.translation:
        words += ", translated"
    return Text(f"{words} {match.probability:.0%}", style=VERDICT_STYLES[match.verdict])


def _outlet(article: ArticleView) -> str:
    return article.source or "unknown outlet"


def _outlets(one: str, other: str) -> str:
    # One source, and yet not one outlet: it gathers what others write.
    return "unknown" if one == other or not (one and other) else "two"


def _told_by(article: ArticleView) -> str:
    return f"{_outlet(article)}, {article.lang}, {when(article.at)} UTC"


def _heading(article: ArticleView) -> Text:
    where = f"article {article.id}, story {article.story_id}, {_told_by(article)}"
    return Text.assemble((article.title, "bold"), "\n", (f"  {where}", DIM))


def _meaning(evidence: Evidence) -> str:
    if evidence.cosine is None:
        return "not compared"
    scaled = (
        "" if evidence.scaled_cosine is None else f"; {evidence.scaled_cosine:.2f} where 0 is unrelated and 1 one event"
    )
    return f"cosine {evidence.cosine:.3f}{scaled}"


def _support(share: float | None, shared: Sequence[str], conflicting: Sequence[str]) -> str:
    parts = [] if share is None else [f"{share:.0%} of each lead's are in the other article"]
    if shared:
        parts.append("in both: " + some(shared))
    if conflicting:
        parts.append("in one only: " + some(conflicting))
    return "; ".join(parts) or "none to compare"


def some(values: Sequence[str]) -> str:
    more = len(values) - MAX_VALUES
    return ", ".join(values[:MAX_VALUES]) + (f" and {more} more" if more > 0 else "")


def facts(pairs: Iterable[tuple[str, str]]) -> Table:
    """Names and values in two columns."""
    grid = Table.grid(padding=(0, 2, 0, 0))
    grid.add_column(no_wrap=True, style=DIM)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(name, Text(value))
    return grid


def plain_table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style=DIM)


def when(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def _span(first: datetime, last: datetime) -> str:
    first, last = first.astimezone(UTC), last.astimezone(UTC)
    if first.replace(second=0, microsecond=0) == last.replace(second=0, microsecond=0):
        return when(first)
    if first.date() == last.date():
        return f"{first:%Y-%m-%d %H:%M}–{last:%H:%M}"
    return f"{when(first)} – {last:%m-%d %H:%M}"


def plural(count: int, one: str, many: str | None = None) -> str:
    return one if count == 1 else many or one + "s"
