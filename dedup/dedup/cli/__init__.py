"""The command line: `dedup`.

Importing this costs what typer costs (0.07 s); a command imports what it needs when it runs.
"""

from __future__ import annotations

import os
import sys
from typing import TypeGuard

__all__ = ["main"]

_TREES = (
    ("dedup._errors", "DedupError"),
    ("dedup_accelerate", "AccelerateError"),
    ("dedup_ingest", "IngestError"),
    ("dedup_index", "VectorIndexError"),
)


def main() -> None:
    """Run `dedup` with `sys.argv`; always leaves by SystemExit.

    Exit status: 0 done, 1 an error that one line on stderr explains, 2 wrong usage, 130 Ctrl-C. A reader of stdout
    that went away is 1 without a word.
    """
    from dedup.cli._app import app

    try:
        try:
            app(prog_name="dedup")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Python flushes stdout once more on its way out: let that go nowhere instead of into a second error.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if not _is_expected(error):
            raise
        message = f"{error.filename}: {error.strerror}" if _is_about_a_file(error) else str(error)
        print(f"error: {' '.join(message.split())}", file=sys.stderr)
        sys.exit(1)


def _is_about_a_file(error: Exception) -> TypeGuard[OSError]:
    return isinstance(error, OSError) and error.filename is not None


def _is_expected(error: Exception) -> bool:
    """Whether an error is one that our rooms raise on purpose, or the system's word on a file."""
    if _is_about_a_file(error):
        return True
    # By module, so that a room that was never imported is not imported to ask.
    return any(
        isinstance(error, getattr(sys.modules[module], name)) for module, name in _TREES if module in sys.modules
    )
