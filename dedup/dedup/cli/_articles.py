"""Commands that bring articles in and ask about them: ingest, import, similar, explain, stories."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedup.cli._common import JsonOption, moment, opened, print_json, read_config, show

if TYPE_CHECKING:
    from dedup.archive import Archive
    from dedup.results import IngestReport

MAX_ID = 2**63 - 1
LangOption = Annotated[str | None, typer.Option(metavar="CODE", help="Language, such as en or ru.")]


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)
    app.command("import")(import_articles)
    app.command("similar")(similar)
    app.command("explain")(explain)
    app.command("stories")(stories)


def ingest(
    context: typer.Context,
    feeds: Annotated[
        list[Path], typer.Argument(metavar="FEEDS...", help="Lists of feeds: a URL or a file path a line.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Fetch feeds once and sort their articles into stories."""
    config = read_config(context)
    from dedup_ingest import read_feed_list

    for path in feeds:  # a mistyped name is said before the model is loaded
        read_feed_list(path)
    with opened(config) as (service, progress):
        from dedup import jobs

        report = jobs.ingest(service, config, feeds, progress=progress)
    _print_report(report, as_json)
    if report.failed and report.failed == report.feeds - report.elsewhere:
        raise typer.Exit(1)


def import_articles(
    context: typer.Context,
    file: Annotated[
        Path, typer.Argument(metavar="ARTICLES", help="A .jsonl or .jsonl.gz file; - reads standard input.")
    ],
    as_json: JsonOption = False,
) -> None:
    """Sort articles from a JSON-lines file into stories.

    Fields of a line: id, lang, title, text, published, source.
    """
    config = read_config(context)
    if str(file) != "-":
        with file.open("rb"):  # a mistyped name is said before the model is loaded
            pass
    with opened(config) as (service, progress):
        from dedup import jobs

        report = jobs.import_file(service, config, file, progress=progress)
    _print_report(report, as_json)


def similar(
    context: typer.Context,
    title: Annotated[str, typer.Argument(metavar="TEXT", help="A headline, or a sentence that tells the news.")],
    text: Annotated[str, typer.Option("--text", metavar="BODY", help="What follows the headline.")] = "",
    k: Annotated[int, typer.Option("--k", metavar="N", min=1, help="How many matches at most.")] = 10,
    min_probability: Annotated[
        float, typer.Option(metavar="P", min=0, max=1, help="Leave out what is less likely the same event.")
    ] = 0.0,
    published: Annotated[
        str | None, typer.Option(metavar="TIME", help="ISO 8601; only articles near this time are looked at.")
    ] = None,
    lang: LangOption = None,
    as_json: JsonOption = False,
) -> None:
    """Find stored articles that tell the same news."""
    at = moment(published, "--published")
    if not (title.strip() or text.strip()):
        raise typer.BadParameter("say what to look for", param_hint="TEXT")
    config = read_config(context)
    if k > config.serve.max_k:
        raise typer.BadParameter(f"at most {config.serve.max_k} (serve.max_k)", param_hint="--k")
    with opened(config) as (service, _):
        matches = service.similar(title=title, text=text, published=at, lang=lang, k=k, min_probability=min_probability)
    if as_json:
        from dedup.wire import Matches

        print_json(Matches.of(matches))
    else:
        from dedup import render

        show(render.matches(matches))


def explain(
    context: typer.Context,
    article: Annotated[int, typer.Argument(metavar="ID", help="An article.", min=1, max=MAX_ID)],
    other: Annotated[int, typer.Argument(metavar="ID", help="Another article.", min=1, max=MAX_ID)],
    as_json: JsonOption = False,
) -> None:
    """Compare two stored articles: the verdict and its evidence."""
    with opened(read_config(context)) as (service, _):
        first = service.article(article)
        match = service.explain(article, other)
    if as_json:
        from dedup.wire import ArticleDocument

        print_json(ArticleDocument.of(first, [match]))
    else:
        from dedup import render

        show(render.explanation(first, match))


def stories(
    context: typer.Context,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many stories at most, newest first.")] = 20,
    min_size: Annotated[int, typer.Option(metavar="N", min=1, help="Only stories of at least this many articles.")] = 1,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="ISO 8601; only stories with news after it.")
    ] = None,
    lang: LangOption = None,
    story_id: Annotated[
        int | None, typer.Option("--id", metavar="N", help="Only this story.", min=1, max=MAX_ID)
    ] = None,
    reasons: Annotated[bool, typer.Option("--reasons", help="Every article, and why it is in its story.")] = False,
    history: Annotated[
        bool, typer.Option("--history", help="With --id: every join, merge and split, and why.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """List the stories, or show what one consists of."""
    after = moment(since, "--since")
    if history and story_id is None:
        raise typer.BadParameter("needs --id: it is the history of one story", param_hint="--history")
    from dedup.archive import Archive

    with Archive.read(read_config(context)) as archive:  # reading needs no model
        if history and story_id is not None:
            _print_history(archive, story_id, as_json)
            return
        if story_id is not None:
            views = [archive.story(story_id)]
            summaries = tuple(view.story for view in views)
        else:
            summaries = archive.stories(limit=limit, min_size=min_size, since=after, lang=lang)
            views = [archive.story(summary.id) for summary in summaries] if reasons else []
    if as_json:
        from dedup.wire import Stories, StoryDocument

        if story_id is not None:
            print_json(StoryDocument.of(views[0]))
        else:
            print_json({"stories": [StoryDocument.of(view) for view in views]} if reasons else Stories(summaries))
        return
    from dedup import render

    show(render.stories_with_reasons(views) if views else render.stories(summaries))


def _print_history(archive: Archive, story_id: int, as_json: bool) -> None:
    events = archive.history(story_id)
    if as_json:
        from dedup.wire import StoryHistory

        print_json(StoryHistory(events))
    else:
        from dedup import chronicle

        show(chronicle.history(events))


def _print_report(report: IngestReport, as_json: bool) -> None:
    if as_json:
        print_json(report)
    else:
        from dedup import render

        show(render.report(report))
