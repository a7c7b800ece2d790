"""Commands about what is kept: the SQL database, and the vector index over it."""

from __future__ import annotations

import typer

from dedup.cli._common import JsonOption, opened, print_json, read_config, show

database = typer.Typer(name="db", help="The SQL database and its schema.", no_args_is_help=True, rich_markup_mode=None)
index = typer.Typer(
    name="index", help="The vector index over the database.", no_args_is_help=True, rich_markup_mode=None
)


@database.command("upgrade")
def upgrade(context: typer.Context, as_json: JsonOption = False) -> None:
    """Bring the schema to what this version needs; a new database gets its tables."""
    store = read_config(context).store
    from dedup.store._migrate import upgrade as migrate
    from dedup.store._session import make_engine, safe_url, translated

    engine = make_engine(store.url, store.lock_timeout_seconds)
    try:
        with translated(engine):
            before, after = migrate(engine)
    finally:
        engine.dispose()
    if as_json:
        print_json({"url": safe_url(engine), "before": before, "after": after})
    elif before == after:
        typer.echo(f"{safe_url(engine)} is already at revision {after}")
    else:
        typer.echo(f"{safe_url(engine)}: {before or 'empty'} → {after}")


@database.command("current")
def current(context: typer.Context, as_json: JsonOption = False) -> None:
    """Say which schema revision the database has, and which one this version needs."""
    store = read_config(context).store
    from dedup.doctor import schema_state

    state = schema_state(store.url, store.lock_timeout_seconds)
    if as_json:
        print_json({"url": state.url, "revision": state.revision, "needed": state.needed, "current": state.is_current})
    else:
        typer.echo(f"{state.url}: {state.words}")


@index.command("rebuild")
def rebuild(context: typer.Context, as_json: JsonOption = False) -> None:
    """Make the index anew from the database; articles without a vector of the present model are encoded."""
    with opened(read_config(context)) as (service, progress):
        result = service.rebuild_index(progress=progress)
    if as_json:
        print_json(result)
    else:
        from dedup import render

        show(render.stats(result))


@index.command("stats")
def stats(context: typer.Context, as_json: JsonOption = False) -> None:
    """Count what is stored and what is indexed."""
    with opened(read_config(context)) as (service, _):
        result = service.stats()
    if as_json:
        print_json(result)
    else:
        from dedup import render

        show(render.stats(result))
