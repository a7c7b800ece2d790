"""`dedup serve` as a process with a real socket."""

from __future__ import annotations

import json
import re
import signal
import socket
import urllib.error
import urllib.request

import pytest


def request(address, body=None):
    data = None if body is None else json.dumps(body).encode()
    asked = urllib.request.Request(address, data=data, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        return answer.status, json.load(answer)


def test_serve_answers_until_it_is_told_to_stop_and_keeps_what_it_was_given(stored_line):
    process = stored_line.start("serve", "--port", "0")
    line = next(line for line in process.stderr if "listening on" in line)
    address = re.search(r"http://127\.0\.0\.1:\d+", line)[0]
    article = {"title": "Lighthouse of Skarn lit again", "source": "Skarn Post", "published": "2026-03-12T20:00:00Z"}
    status, document = request(f"{address}/articles", article)
    assert (status, document["placed"][0]["outcome"]) == (201, "new_story")
    assert request(f"{address}/readyz")[1]["articles"] == 1
    with pytest.raises(urllib.error.HTTPError, match="422"):
        request(f"{address}/similar", {"k": 3})
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate()
    assert (process.returncode, out) == (0, "")
    assert "Traceback" not in err
    assert stored_line.json("index", "stats")["indexed"] == 1
    assert (stored_line.folder / "news.sqlite3.index").is_dir()


def test_a_port_that_is_taken_is_said_before_anything_is_opened(command_line):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = command_line.run("serve", "--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert done.stderr.startswith("error: cannot listen on 127.0.0.1")
    assert done.stderr.count("\n") == 1
    assert not command_line.database.exists()
