"""Progress is for people who wait at a terminal, and goes to stderr."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

SCRIPT = """
import sys, time
from dedup.cli._common import progress_bar
with progress_bar({after}) as progress:
    for done in range(5):
        progress("counting [sheep]", done, 4)
        time.sleep({pause})
print("answer")
"""


def run_with_terminal(after, pause):
    """The script with stderr on a terminal: what it printed on stdout, and what the terminal showed."""
    ours, theirs = pty.openpty()
    script = SCRIPT.format(after=after, pause=pause)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=theirs, env=os.environ | {"TERM": "xterm"}
    )
    os.close(theirs)
    shown = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # Linux says so when the last writer is gone
            break
        if not part:
            break
        shown += part
    os.close(ours)
    out, _ = process.communicate()
    assert process.returncode == 0
    return out.decode(), shown.decode()


def test_long_work_shows_a_bar_on_the_terminal_and_none_in_the_answer():
    out, shown = run_with_terminal(after=0.1, pause=0.2)
    assert out == "answer\n"
    assert "counting [sheep]" in shown
    assert "4/4" in shown


def test_short_work_shows_nothing():
    assert run_with_terminal(after=60, pause=0) == ("answer\n", "")


def test_nothing_is_shown_where_no_terminal_is():
    script = SCRIPT.format(after=0, pause=0.05)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("answer\n", "")
