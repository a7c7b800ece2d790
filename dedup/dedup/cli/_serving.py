"""Commands that stay: serve, poll."""

from __future__ import annotations

import os
import signal
import socket
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer

from dedup.cli._common import JsonOption, note, opened, print_json, read_config, show

# Requests that run when the server is told to stop may take this long; then it leaves them.
DRAIN_SECONDS = 10


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)
    app.command("poll")(poll)


def serve(
    context: typer.Context,
    host: Annotated[str | None, typer.Option(metavar="HOST", help="Else serve.host.")] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Else serve.port; 0 takes a free one.")
    ] = None,
) -> None:
    """Answer over HTTP; /openapi.json says what.

    POST /similar, POST /articles, GET /articles/{id}, GET /stories, GET /stories/{id} and its /history, /feedback,
    /healthz, /readyz.
    """
    given = {key: value for key, value in (("host", host), ("port", port)) if value is not None}
    config = read_config(context, {"serve": given})
    with _listening(config.serve.host, config.serve.port) as listener, opened(config, batching=True) as (service, _):
        import uvicorn

        from dedup.api import create_app

        service.warm_up()  # a provider that fails is said before anyone asks, and the first answer is quick
        # uvicorn stops taking requests, finishes those that run and sends itself the signal again: that one ends here.
        signal.signal(signal.SIGTERM, _leave)
        signal.signal(signal.SIGINT, _leave)
        server = uvicorn.Server(
            uvicorn.Config(
                create_app(service, config),
                log_config=_log_config(),
                timeout_graceful_shutdown=DRAIN_SECONDS,
                server_header=False,
            )
        )
        host = f"[{config.serve.host}]" if ":" in config.serve.host else config.serve.host
        note(f"listening on http://{host}:{listener.getsockname()[1]}")
        try:
            server.run(sockets=[listener])
        finally:
            service.save_index()  # else the next start reads the vectors of what was posted out of SQL again


def poll(
    context: typer.Context,
    once: Annotated[bool, typer.Option("--once", help="Visit what is due now, then leave.")] = False,
    feeds: Annotated[
        list[Path] | None, typer.Option("--feeds", help="A list of feeds to follow, repeatable; else poll.feeds.")
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Visit feeds as they fall due: as often as they have news, or by cron (UTC). Several may run at once."""
    if as_json and not once:
        raise typer.BadParameter("needs --once: a round that never ends has no one document", param_hint="--json")
    config = read_config(context)
    from dedup import poll as polling
    from dedup.feeds import check_crons

    check_crons(config, datetime.now(UTC))
    lists = polling.lists_to_follow(config, feeds or [])
    with opened(config) as (service, progress):
        if once:
            from dedup import jobs

            report = jobs.ingest_due(service, config, lists, progress=progress)
        else:
            polling.log_to_stderr()
            if not polling.Poller(service, config, lists).run():
                # The thread that sorts is in the middle of a batch that nobody waits for: it will be sorted again.
                sys.stderr.flush()
                os._exit(0)
            return
    if as_json:
        print_json(report)
    else:
        from dedup import render

        show(render.report(report))


def _listening(host: str, port: int) -> socket.socket:
    """The socket to listen on; before the model is loaded, so that a port that is taken is said at once."""
    from dedup._errors import ConfigError

    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host}, port {port} (serve.host, serve.port): {error.strerror}") from error


def _leave(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(0)


def _log_config() -> dict[str, Any]:
    """uvicorn's own configuration, with the access log on stderr like everything that is not an answer."""
    from copy import deepcopy

    from uvicorn.config import LOGGING_CONFIG

    config = deepcopy(LOGGING_CONFIG)
    config["handlers"]["access"]["stream"] = "ext://sys.stderr"
    return config
