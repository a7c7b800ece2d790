"""Feedback, history and repair through the installed command."""

from __future__ import annotations

import json

ROWS = [
    ("a", "Kelmouth opens its ice rink", "The ice rink of Kelmouth opened on Friday, mayor Forsell said."),
    ("b", "Kelmouth opens its ice rink", "The ice rink of Kelmouth opened on Friday, mayor Forsell said."),
    ("c", "Storks return to Lusen", "The first storks of the year have landed on the brewery of Lusen."),
]


def stored(line):
    rows = [
        {"id": id_, "lang": "en", "title": title, "text": text, "published": "2026-03-12T09:00:00Z", "source": id_}
        for id_, title, text in ROWS
    ]
    (line.folder / "news.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    report = line.json("import", "news.jsonl")
    assert (report["stored"], report["stories"]) == (3, 2)


def test_an_editor_merges_splits_and_takes_back_from_the_command_line(stored_line):
    stored(stored_line)
    listed = stored_line.json("stories")["stories"]
    rink, storks = sorted(listed, key=lambda story: -story["size"])
    merged = stored_line.json("feedback", "merge", str(rink["id"]), str(storks["id"]))
    assert merged["kind"] == "merge"
    assert len(merged["stories"]) == 1
    refused = stored_line.run("feedback", "merge", str(rink["id"]), str(storks["id"]))
    assert refused.returncode == 1
    assert refused.stderr.startswith("error: stories")
    assert "are one already" in refused.stderr
    told = stored_line.run("stories", "--id", str(storks["id"]), "--history")
    assert f"an editor said so (feedback {merged['id']})" in " ".join(told.stdout.split())
    stored_line.json("feedback", "revoke", str(merged["id"]))
    assert sorted(story["size"] for story in stored_line.json("stories")["stories"]) == [1, 2]
    assert [word["kind"] for word in stored_line.json("feedback", "list")["feedback"]] == ["revoke", "merge"]
    assert "taken back by" in stored_line.run("feedback", "list").stdout
    report = stored_line.json("repair")
    assert (report["merged"], report["split"], report["waiting"]) == (0, 0, 0)


def test_a_history_needs_the_story_it_is_of(command_line):
    done = command_line.run("stories", "--history")
    assert done.returncode == 2
    assert "--id" in done.stderr
