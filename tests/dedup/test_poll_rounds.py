"""Rounds by the clock, and how they end."""

from __future__ import annotations

import logging
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from dedup import poll
from dedup._errors import ConfigError

FEEDS = Path(__file__).parents[2] / "examples" / "feeds.txt"
# A process that polls with a trigger of its own; `work` comes in front of it.
SCRIPT = """
import sys, time
from pathlib import Path
from apscheduler.triggers.interval import IntervalTrigger
from dedup.poll import run_until_signal

{work}

print("ready", flush=True)
run_until_signal(work, IntervalTrigger(seconds={every}))
print("left", flush=True)
"""


def start(work: str, every: float) -> subprocess.Popen[str]:
    script = SCRIPT.format(work=work, every=every)
    process = subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout
    assert process.stdout.readline() == "ready\n"
    return process


SLOW = """
def work():
    print("begin", flush=True)
    while not Path({go!r}).exists():
        time.sleep(0.01)
    print("end", flush=True)
"""


def test_a_signal_lets_the_running_round_end(tmp_path):
    go = tmp_path / "go"
    process = start(SLOW.format(go=str(go)), every=3600)
    assert process.stdout.readline() == "begin\n"
    process.send_signal(signal.SIGTERM)
    for line in process.stderr:  # it has heard the signal, and the round still runs
        if "stopping after the round" in line:
            break
    go.touch()
    out, _ = process.communicate()
    assert (out, process.returncode) == ("end\nleft\n", 0)


def test_a_second_signal_leaves_at_once(tmp_path):
    process = start(SLOW.format(go=str(tmp_path / "never")), every=3600)
    assert process.stdout.readline() == "begin\n"
    process.send_signal(signal.SIGTERM)
    for line in process.stderr:
        if "stopping after the round" in line:
            break
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate()
    assert (out, process.returncode) == ("", -signal.SIGTERM)


def test_rounds_never_overlap_and_go_on():
    work = """
import threading
alone, rounds = threading.Lock(), [0]
def work():
    if not alone.acquire(blocking=False):
        print("overlap", flush=True)
        return
    time.sleep(0.1)
    rounds[0] += 1
    alone.release()
    if rounds[0] == 4:
        print("four", flush=True)
"""
    process = start(work, every=0.02)
    assert process.stdout.readline() == "four\n"
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate()
    assert out.splitlines()[-1] == "left"
    assert "overlap" not in out


def test_a_round_that_fails_is_logged_and_does_not_raise(service, config, tmp_path, caplog):
    with caplog.at_level(logging.INFO, logger="dedup.poll"):
        poll.Rounds(service, config, [tmp_path / "gone.txt"])()
    assert "round failed" in caplog.text
    assert "gone.txt" in caplog.text


def test_poll_reads_the_feeds_until_it_is_told_to_stop(stored_line):
    process = stored_line.start("poll", "--feeds", str(FEEDS))
    line = next(line for line in process.stderr if " round: " in line)
    assert re.search(r"6 feeds \(0 unchanged, 0 failed\), [1-9]\d* new articles", line)
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    again = stored_line.json("poll", "--once", "--feeds", str(FEEDS))
    assert (again["stored"], again["failed"]) == (0, 0)
    assert again["known"] + again["not_modified"] > 0


@pytest.mark.parametrize("cron", ["", "every hour", "61 * * * *", "* * * *", "* * * * * *"])
def test_a_cron_expression_that_cannot_be_read_is_a_configuration_error(cron):
    with pytest.raises(ConfigError, match=r"poll\.cron"):
        poll.cron_trigger(cron)


def test_cron_counts_in_utc():
    from datetime import UTC, datetime

    trigger = poll.cron_trigger("30 4 * * *")
    assert trigger.get_next_fire_time(None, datetime(2026, 3, 12, tzinfo=UTC)) == datetime(
        2026, 3, 12, 4, 30, tzinfo=UTC
    )


def test_a_list_that_is_not_there_stops_poll_before_it_begins(command_line):
    done = command_line.run("poll", "--feeds", "nowhere.txt")
    assert done.returncode == 1
    assert done.stderr.startswith("error: ")
    assert "nowhere.txt" in done.stderr
    assert not command_line.database.exists()
