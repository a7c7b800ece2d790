"""Commands for editors: feedback on stories and articles, and repair."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from dedup.cli._common import JsonOption, opened, print_json, read_config, show

if TYPE_CHECKING:
    from dedup.editing import Editor
    from dedup.results import FeedbackView

MAX_ID = 2**63 - 1
Story = Annotated[int, typer.Argument(metavar="STORY", help="A story.", min=1, max=MAX_ID)]
Article = Annotated[int, typer.Argument(metavar="ID", help="An article.", min=1, max=MAX_ID)]
OtherArticle = Annotated[int, typer.Argument(metavar="ID", help="Another article.", min=1, max=MAX_ID)]

feedback = typer.Typer(
    name="feedback",
    help="What editors say: kept, followed at once, never undone by a repair.",
    no_args_is_help=True,
    rich_markup_mode=None,
)


def register(app: typer.Typer) -> None:
    app.add_typer(feedback)
    app.command("repair")(repair)


@feedback.command("merge")
def merge(
    context: typer.Context,
    story: Story,
    other: Annotated[int, typer.Argument(metavar="STORY", help="Another story.", min=1, max=MAX_ID)],
    as_json: JsonOption = False,
) -> None:
    """Make two stories one; the older id lives on."""
    _say(context, as_json, lambda editor: editor.merge(story, other))


@feedback.command("split")
def split(
    context: typer.Context,
    story: Story,
    articles: Annotated[list[int], typer.Argument(metavar="ID...", help="Articles that leave it.", min=1, max=MAX_ID)],
    as_json: JsonOption = False,
) -> None:
    """Take articles out of a story: they are a story of their own, apart from what stays."""
    _say(context, as_json, lambda editor: editor.split(story, articles))


@feedback.command("is-a-duplicate")
def is_a_duplicate(context: typer.Context, article: Article, other: OtherArticle, as_json: JsonOption = False) -> None:
    """Say that two articles tell one event; their stories become one."""
    _say(context, as_json, lambda editor: editor.same(article, other))


@feedback.command("not-a-duplicate")
def not_a_duplicate(context: typer.Context, article: Article, other: OtherArticle, as_json: JsonOption = False) -> None:
    """Say that two articles do not tell one event; they are never in one story."""
    _say(context, as_json, lambda editor: editor.different(article, other))


@feedback.command("revoke")
def revoke(
    context: typer.Context,
    feedback_id: Annotated[int, typer.Argument(metavar="FEEDBACK", help="What to take back.", min=1, max=MAX_ID)],
    as_json: JsonOption = False,
) -> None:
    """Take back what was said; the evidence decides again."""
    _say(context, as_json, lambda editor: editor.revoke(feedback_id))


@feedback.command("list")
def list_feedback(
    context: typer.Context,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How much at most, newest first.")] = 20,
    as_json: JsonOption = False,
) -> None:
    """List what editors said, newest first."""
    from dedup.archive import Archive

    with Archive.read(read_config(context)) as archive:
        said = archive.feedback(limit=limit)
    if as_json:
        from dedup.wire import FeedbackList

        print_json(FeedbackList(said))
    else:
        from dedup import chronicle

        show(chronicle.feedback(said))


def repair(
    context: typer.Context,
    everything: Annotated[
        bool, typer.Option("--all", help="Whatever waits, not story.repair_articles at most.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Group new and edited articles anew with their neighbourhoods: split, merge and move stories.

    ingest, import and poll do it at their end.
    """
    with opened(read_config(context)) as (service, progress):
        report = service.repair(everything=everything, progress=progress)
        service.save_index()
    if as_json:
        print_json(report)
    else:
        from dedup import chronicle

        show(chronicle.repaired(report))


def _say(context: typer.Context, as_json: bool, word: Callable[[Editor], FeedbackView]) -> None:
    with opened(read_config(context)) as (service, _):
        said = word(service.editor)
    if as_json:
        print_json(said)
    else:
        from dedup import chronicle

        show(chronicle.feedback([said]))
