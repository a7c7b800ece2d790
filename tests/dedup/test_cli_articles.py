"""Articles in, answers out, through the installed command."""

from __future__ import annotations

import gzip
import json
import re
import signal
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

import pytest

FEEDS = Path(__file__).parents[2] / "examples" / "feeds.txt"
GOLD = FEEDS.with_name("gold.json")
RATE = "Velmora's central bank lifts key rate to 6.25%"
OTHER_BANK = "Bank of Ardesia lifts key rate to 6.25%"


def every_story(news_day):
    return news_day.ask("stories", "--limit", "200", "--reasons")["stories"]


def members(news_day, title):
    """The story document of the article with this headline, and that article."""
    for story in every_story(news_day):
        for member in story["members"]:
            if member["article"]["title"] == title:
                return story, member["article"]
    raise AssertionError(f"{title!r} is not stored")


def test_a_second_ingest_of_the_same_feeds_stores_nothing(stored_line):
    first = stored_line.json("ingest", str(FEEDS))
    second = stored_line.json("ingest", str(FEEDS))
    entries = len(json.loads(GOLD.read_text(encoding="utf-8"))["items"])
    assert first["stored"] == first["entries"] == first["joined"] + first["stories"] == entries
    assert [second[name] for name in ("stored", "updated", "joined", "stories", "encoded")] == [0] * 5


def test_one_broken_feed_is_told_and_the_others_are_read(stored_line):
    good = FEEDS.parent / "feeds" / "meridian-wire.xml"
    (stored_line.folder / "broken.xml").write_text("<html><body>Sorry</body></html>", encoding="utf-8")
    (stored_line.folder / "feeds.txt").write_text(f"{good}\nbroken.xml\n", encoding="utf-8")
    done = stored_line.run("ingest", "feeds.txt")
    assert done.returncode == 0
    assert "broken.xml" in done.stdout
    assert "1 failed" in done.stdout


def test_an_ingest_in_which_every_feed_fails_exits_with_one(stored_line):
    (stored_line.folder / "broken.xml").write_text("nothing of a feed", encoding="utf-8")
    (stored_line.folder / "feeds.txt").write_text("broken.xml\n", encoding="utf-8")
    assert stored_line.run("ingest", "feeds.txt").returncode == 1


@pytest.mark.parametrize("command", ["ingest", "import"])
def test_a_file_that_is_not_there_is_one_line_before_anything_is_opened(command_line, command):
    done = command_line.run(command, "nowhere.txt")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "nowhere.txt" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not command_line.database.exists()


ROWS = [
    {"id": "1", "lang": "en", "title": "Storm closes Ostrava airport", "text": "All flights wait.", "source": "A"},
    {"id": "2", "lang": "en", "title": "Storm closes Ostrava airport", "text": "All flights wait.", "source": "B"},
    {"id": "3", "lang": "en", "title": "Choir sings on a roof", "text": "Forty voices over Brno.", "source": "B"},
]


@pytest.mark.parametrize("kind", ["jsonl.gz", "stdin"])
def test_import_reads_json_lines_from_a_file_and_from_standard_input(stored_line, kind):
    lines = "".join(json.dumps(row | {"published": "2026-03-12T08:00:00Z"}) + "\n" for row in ROWS)
    if kind == "stdin":
        report = stored_line.json("import", "-", text_in=lines)
    else:
        path = stored_line.folder / "rows.jsonl.gz"
        path.write_bytes(gzip.compress(lines.encode()))
        report = stored_line.json("import", str(path))
    assert (report["entries"], report["stored"], report["joined"], report["stories"]) == (3, 3, 1, 2)


def test_a_russian_paraphrase_finds_the_english_article(news_day):
    question = "Океанологи обнаружили на глубине трёх километров неизвестный ранее вид осьминога"
    matches = news_day.ask("similar", question, "--k", "3")["matches"]
    assert "octopus" in " ".join(match["article"]["title"] for match in matches if match["article"]["lang"] == "en")
    assert [set(match) for match in matches] == [
        {"verdict", "probability", "near_copy_probability", "story_id", "reason", "evidence", "article"}
    ] * len(matches)
    assert all(match["story_id"] == match["article"]["story_id"] for match in matches)


def test_similar_keeps_to_its_bounds(news_day):
    found = news_day.ask("similar", RATE, "--k", "2", "--min-probability", "0.5")["matches"]
    assert 1 <= len(found) <= 2
    assert found[0]["verdict"] != "distinct"
    assert news_day.ask("similar", RATE, "--published", "2019-01-01")["matches"] == []


def test_similar_on_an_empty_database_finds_nothing(stored_line):
    done = stored_line.run("similar", "anything at all")
    assert (done.returncode, done.stdout) == (0, "nothing like it is stored\n")


def test_explain_says_why_look_alikes_stay_apart(news_day):
    story, article = members(news_day, RATE)
    other_story, other = members(news_day, OTHER_BANK)
    assert story["story"]["id"] != other_story["story"]["id"]
    document = news_day.ask("explain", str(article["id"]), str(other["id"]))
    assert document["article"]["id"] == article["id"]
    (match,) = document["matches"]
    assert match["article"]["id"] == other["id"]
    assert match["verdict"] == "distinct"
    assert match["reason"]
    told = news_day.run("explain", str(article["id"]), str(other["id"])).stdout
    assert "distinct" in told
    assert RATE in told
    assert OTHER_BANK in told
    assert re.search(r"^ +outlets +two$", told, re.MULTILINE)


def test_explain_says_that_two_articles_are_of_one_outlet(news_day):
    _, article = members(news_day, RATE)
    every = [member["article"] for story in every_story(news_day) for member in story["members"]]
    other = next(one for one in every if one["source"] == article["source"] and one["id"] != article["id"])
    told = news_day.run("explain", str(article["id"]), str(other["id"])).stdout
    assert re.search(r"^ +outlets +the same$", told, re.MULTILINE)


def test_explain_compares_what_was_never_compared_also_a_copy_that_was_never_encoded(news_day):
    with closing(sqlite3.connect(news_day.database)) as database:
        (copy,) = database.execute(
            "SELECT id FROM article WHERE id NOT IN (SELECT article_id FROM embedding) ORDER BY id LIMIT 1"
        ).fetchone()
        (other,) = database.execute(
            "SELECT id FROM article WHERE id NOT IN (SELECT other_id FROM match WHERE article_id = ?) AND id <> ? "
            "AND id NOT IN (SELECT article_id FROM match WHERE other_id = ?) ORDER BY id DESC LIMIT 1",
            (copy, copy, copy),
        ).fetchone()
    told = news_day.run("explain", str(copy), str(other))
    assert told.returncode == 0, told.stderr
    assert re.search(r"meaning +cosine -?0\.\d", told.stdout)
    assert re.search(r"copied +\d+% likely; the shorter one has \d+ words", told.stdout)
    for name in ("words", "headlines", "names", "numbers", "against", "time", "outlets", "languages"):
        assert re.search(rf"^ +{name} +\S", told.stdout, re.MULTILINE), name


def test_explain_of_an_article_that_is_not_there_is_one_line(news_day):
    done = news_day.run("explain", "1", "9223372036854775807")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_stories_with_reasons_tell_of_every_article_why_it_is_there(news_day):
    stories = [document for document in every_story(news_day) if document["story"]["size"] > 1]
    assert stories
    for document in stories:
        opened = [member for member in document["members"] if member["joined_by"] is None]
        joined = [member["joined_by"] for member in document["members"] if member["joined_by"]]
        assert len(opened) == 1
        assert len(document["members"]) == document["story"]["size"]
        assert all(match["reason"] and match["verdict"] != "distinct" for match in joined)
        newest = max(member["article"]["at"] for member in document["members"])
        assert newest == document["story"]["last_at"]


def test_stories_reads_well_where_no_terminal_is(news_day):
    told = news_day.run("stories", "--min-size", "2", "--reasons").stdout
    assert max(len(line) for line in told.splitlines()) <= 100
    assert all(line == line.rstrip() for line in told.splitlines())
    assert "\x1b" not in told
    assert "opened the story" in told


def test_stories_filters_by_language_size_and_time(news_day):
    every = [document["story"] for document in every_story(news_day)]
    assert sorted((story["last_at"] for story in every), reverse=True) == [story["last_at"] for story in every]
    few = news_day.ask("stories", "--since", "2026-03-12T15:00Z", "--lang", "ru", "--min-size", "3", "--limit", "200")
    expected = [s for s in every if s["last_at"] >= "2026-03-12T15:00:00Z" and "ru" in s["langs"] and s["size"] >= 3]
    assert few["stories"] == expected
    assert 0 < len(expected) < len(every)
    newest = news_day.run("stories", "--limit", "1").stdout
    assert every[0]["title"][:40] in newest
    assert every[1]["title"][:40] not in newest


def test_one_story_is_shown_by_its_id(news_day):
    story, _ = members(news_day, RATE)
    assert news_day.ask("stories", "--id", str(story["story"]["id"])) == story


def test_a_reader_that_leaves_early_is_no_error(news_day):
    process = news_day.start("stories", "--json", "--limit", "200")
    process.stdout.close()
    assert process.wait() == 1
    assert process.stderr.read() == ""


def test_ctrl_c_is_quiet(command_line):
    process = command_line.start("import", "-", stdin=subprocess.PIPE)
    while not command_line.database.exists():  # by then it is past its start, and waits for standard input
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    assert process.wait() == 130
    assert process.stderr.read().strip() == ""
