"""The tree of commands."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dedup.cli import _articles, _database, _doctor, _editing, _feeds, _models, _quality, _serving
from dedup.cli._common import Globals

# Plain help: rich's panels would make `dedup --help` take twice as long (0.17 s instead of 0.08 s).
app = typer.Typer(
    name="dedup",
    help="One entry per news story: feeds in, duplicates joined, each with its evidence.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"dedup {version('news-dedup')}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            metavar="PATH",
            help="A TOML file with the settings you change; else $DEDUP_CONFIG, else defaults.",
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    context.obj = Globals(config)


_articles.register(app)
_serving.register(app)
_editing.register(app)
_quality.register(app)
for group in (_feeds.feeds, _database.database, _database.index, _models.models):
    app.add_typer(group)
_doctor.register(app)
