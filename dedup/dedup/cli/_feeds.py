"""Commands about the stored feeds: which there are, how they are, who polls them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dedup.cli._common import JsonOption, note, print_json, read_config, show

if TYPE_CHECKING:
    from dedup.config import Config
    from dedup.feeds import FeedBook, FeedView, Selection, Synchronised

feeds = typer.Typer(name="feeds", help="The feeds that are polled.", no_args_is_help=True, rich_markup_mode=None)

NameArgument = Annotated[list[str], typer.Argument(metavar="FEED...", help="Ids, or URLs (of now, or before a move).")]


@feeds.command("add")
def add(
    context: typer.Context,
    urls: Annotated[list[str], typer.Argument(metavar="URL...", help="Feeds, or sites that name theirs; or files.")],
    group: Annotated[str | None, typer.Option(metavar="NAME", help="A group, such as a folder of an OPML.")] = None,
    cron: Annotated[
        str | None, typer.Option(metavar="CRON", help="Five fields, in UTC; else as often as it has news.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="All feeds that a site names, not only the first.")] = False,
    check: Annotated[
        bool, typer.Option("--check/--no-check", help="Fetch it first; finds the feeds of a site.")
    ] = True,
    as_json: JsonOption = False,
) -> None:
    """Poll feeds from now on; a site's address is enough."""
    config = read_config(context)
    added: list[FeedView] = []
    others: list[str] = []
    for given in urls:
        _address(given)  # a slip of the pen is refused before a database is made
    with _book(config) as book:
        for given in urls:
            found = _discovered(given, config) if check else [(_address(given), None)]
            for url, title in found if every else found[:1]:
                added.append(book.add(url, title=title, group=group, cron=cron))
            others += [] if every else [url for url, _ in found[1:]]
    if as_json:
        print_json({"added": added, "also": others})
        return
    _show(added)
    for url in others:
        typer.echo(f"the site has another feed: {url}")


@feeds.command("list")
def list_feeds(
    context: typer.Context,
    polled: Annotated[bool, typer.Option("--polled", help="Only those that are polled.")] = False,
    disabled: Annotated[bool, typer.Option("--disabled", help="Only those that are not.")] = False,
    as_json: JsonOption = False,
) -> None:
    """List the feeds: state, when they were visited, when they are due."""
    if polled and disabled:
        raise typer.BadParameter("not together with --disabled", param_hint="--polled")
    with _book(read_config(context)) as book:
        views = book.feeds("polled" if polled else "disabled" if disabled else "all")
    _print(views, as_json)


@feeds.command("errors")
def errors(context: typer.Context, as_json: JsonOption = False) -> None:
    """List the feeds that fail, that are read with a problem, or that a server has ended."""
    with _book(read_config(context)) as book:
        views = book.feeds("trouble")
    if as_json:
        print_json({"feeds": views})
        return
    from dedup.cli import _feedtables

    show(_feedtables.errors(views))


@feeds.command("disable")
def disable(context: typer.Context, names: NameArgument, as_json: JsonOption = False) -> None:
    """Poll feeds no more, whatever the lists say."""
    with _book(read_config(context)) as book:
        views = [book.disable(name) for name in names]
    _print(views, as_json)


@feeds.command("enable")
def enable(context: typer.Context, names: NameArgument, as_json: JsonOption = False) -> None:
    """Poll feeds again, beginning now."""
    with _book(read_config(context)) as book:
        views = [book.enable(name) for name in names]
    _print(views, as_json)


@feeds.command("remove")
def remove(context: typer.Context, names: NameArgument, as_json: JsonOption = False) -> None:
    """Forget feeds; their articles stay."""
    with _book(read_config(context)) as book:
        views = [book.remove(name) for name in names]
    if as_json:
        print_json({"removed": views})
    else:
        for view in views:
            typer.echo(f"removed {view.url}")


@feeds.command("import")
def import_feeds(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="LIST", help="OPML, or one feed a line.")],
    as_json: JsonOption = False,
) -> None:
    """Add the feeds of a list or an OPML file; those that were disabled by hand stay so."""
    config = read_config(context)
    from dedup_ingest import read_feed_list

    read_feed_list(file)  # a mistyped name is said before a database is made
    with _book(config) as book:
        result = book.import_list(file)
    if as_json:
        print_json(result)
    else:
        _report(result)


@feeds.command("export")
def export_feeds(
    context: typer.Context,
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Else standard output.")] = None,
    every: Annotated[bool, typer.Option("--all", help="Those that are disabled, too.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write the feeds as OPML, groups as folders, or as JSON."""
    with _book(read_config(context)) as book:
        which: Selection = "all" if every else "polled"
        if as_json:
            print_json({"feeds": book.feeds(which)})
            return
        document = book.export_opml(which)
    if file is None:
        typer.echo(document, nl=False)
    else:
        file.write_text(document, encoding="utf-8")
        note(f"wrote {file}")


@contextmanager
def _book(config: Config) -> Iterator[FeedBook]:
    """The feeds of the configured database; no model is needed."""
    from dedup.archive import Archive
    from dedup.feeds import FeedBook

    with Archive.read(config) as archive:
        yield FeedBook(archive.store, config)


def _address(given: str) -> str:
    """A URL, or the absolute path of a file."""
    if "://" in given:
        from dedup_ingest import address_problem

        problem = address_problem(given)
        if problem is not None:
            raise typer.BadParameter(problem, param_hint="URL")
        return given
    path = Path(given).expanduser().resolve()
    if not path.is_file():
        raise typer.BadParameter(f"{given!r} is neither a URL (http:// or https://) nor a file", param_hint="URL")
    return str(path)


def _discovered(given: str, config: Config) -> list[tuple[str, str | None]]:
    """(URL, title) of what can be read there, the first of a site's feeds first. Raises dedup_ingest.FeedError."""
    address = _address(given)
    if "://" not in address:
        return [(address, None)]
    import asyncio

    from dedup_ingest import FetchSettings, ParseSettings, discover_feeds

    fetch, parse = FetchSettings(**config.fetch.model_dump()), ParseSettings(**config.parse.model_dump())
    return [(found.url, found.title) for found in asyncio.run(discover_feeds(address, fetch, parse))]


def _print(views: list[FeedView] | tuple[FeedView, ...], as_json: bool) -> None:
    if as_json:
        print_json({"feeds": views})
    else:
        _show(views)


def _show(views: list[FeedView] | tuple[FeedView, ...]) -> None:
    from dedup.cli import _feedtables

    show(_feedtables.feeds(views))


def _report(result: Synchronised) -> None:
    typer.echo(f"{result.added} added, {result.enabled} enabled, {result.known} known already")
    if result.by_hand:
        typer.echo(f"{result.by_hand} of these stay disabled by hand: `dedup feeds enable` polls them again")
    for problem in result.problems:
        typer.echo(f"problem {problem.feed}: {problem.message}")
