"""The doctor command."""

from __future__ import annotations

import typer

from dedup.cli._common import JsonOption, config_path, print_json, show


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(context: typer.Context, as_json: JsonOption = False) -> None:
    """Check this machine and this installation.

    Exits with 1 if something that is needed is broken.
    """
    from dedup.doctor import examine

    checks = examine(config_path(context))
    broken = any(check.status == "broken" for check in checks)
    if as_json:
        print_json({"ok": not broken, "checks": checks})
    else:
        from dedup import render

        show(render.checks(checks))
    if broken:
        raise typer.Exit(1)
