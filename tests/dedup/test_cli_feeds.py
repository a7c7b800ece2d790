"""`dedup feeds` as people run it, and the same over REST."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from feedserver import FeedServer, write_feeds

PAGE = """<html><head><title>Ward news</title>
<link rel="alternate" type="application/rss+xml" title="News" href="/f0.xml">
<link rel="alternate" type="application/rss+xml" title="Comments" href="f1.xml"></head><body>News</body></html>"""


@pytest.fixture
def server(serve: Callable[[Path], FeedServer], tmp_path: Path) -> FeedServer:
    write_feeds(tmp_path / "www", 2)
    (tmp_path / "www" / "index.html").write_text(PAGE, encoding="utf-8")
    return serve(tmp_path / "www")


def test_a_site_is_added_by_its_feed_listed_disabled_exported_and_removed(
    command_line: Any, server: FeedServer
) -> None:
    line = command_line
    with (line.folder / "my.toml").open("a", encoding="utf-8") as file:
        file.write('\n[fetch]\nallow_networks = ["127.0.0.0/8"]\n')
    added = line.json("feeds", "add", f"{server.url}/index.html", "--group", "wards", "--cron", "*/10 * * * *")
    assert [(feed["url"], feed["title"], feed["group"]) for feed in added["added"]] == [
        (f"{server.url}/f0.xml", "Ward 0", "wards")
    ]
    assert added["also"] == [f"{server.url}/f1.xml"]
    refused = line.run("feeds", "add", f"{server.url}/nothing.html")
    assert (refused.returncode, refused.stderr.count("\n")) == (1, 1)
    assert "404" in refused.stderr
    shown = line.run("feeds", "list").stdout
    assert f"{server.url}/f0.xml" in shown
    assert "new" in shown
    disabled = line.json("feeds", "disable", "1")["feeds"][0]
    assert (disabled["state"], disabled["disabled_reason"]) == ("disabled", "by_hand")
    assert "disabled by hand" in line.run("feeds", "list").stdout
    assert line.json("feeds", "list", "--polled")["feeds"] == []
    assert "xmlUrl" not in line.run("feeds", "export").stdout
    document = line.run("feeds", "export", "--all").stdout
    assert 'text="wards"' in document
    assert line.json("feeds", "remove", f"{server.url}/f0.xml")["removed"][0]["id"] == 1
    assert line.json("feeds", "list")["feeds"] == []
    (line.folder / "in.opml").write_text(document, encoding="utf-8")
    assert line.json("feeds", "import", "in.opml")["added"] == 1
    assert line.json("feeds", "list")["feeds"][0]["group"] == "wards"
    assert line.run("feeds", "errors").stdout == "no feed is in trouble\n"


def test_a_feed_that_is_not_there_is_one_line(command_line: Any) -> None:
    done = command_line.run("feeds", "enable", "7")
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "error: no feed 7\n")


def test_an_address_that_nobody_can_fetch_is_refused_before_a_database_is_made(command_line: Any) -> None:
    done = command_line.run("feeds", "add", "--no-check", "ftp://files.example/rss")
    assert done.returncode == 2
    assert "only http and https are fetched, not ftp" in " ".join(done.stderr.split())
    assert not command_line.database.exists()


def test_an_import_says_what_stays_disabled_by_hand(command_line: Any) -> None:
    line = command_line
    (line.folder / "feeds.txt").write_text("https://wire.example/rss\nftp://files.example/rss\n", encoding="utf-8")
    first = line.run("feeds", "import", "feeds.txt").stdout
    assert "1 added" in first
    assert "only http and https" in first
    assert "by hand" not in first
    line.run("feeds", "disable", "1")
    again = line.run("feeds", "import", "feeds.txt").stdout
    assert "0 added, 0 enabled, 1 known already\n1 of these stay disabled by hand" in again
    assert line.json("feeds", "list", "--polled")["feeds"] == []


def test_errors_show_what_failed_and_when_it_is_tried_again(stored_line: Any) -> None:
    line = stored_line
    assert line.run("feeds", "add", "--no-check", "http://127.0.0.1:9/feed").returncode == 0
    (line.folder / "my.toml").open("a", encoding="utf-8").write('\n[poll]\nfeeds = ""\n')
    assert line.json("poll", "--once")["failed"] == 1
    shown = line.run("feeds", "errors").stdout
    assert "http://127.0.0.1:9/feed" in shown
    assert "failed once, never read" in shown
    assert "allow_networks" in shown


def test_health_of_feeds_over_rest_comes_in_pages(client: Any, service: Any, config: Any) -> None:
    from dedup.feeds import FeedBook

    book = FeedBook(service.store, config)
    ids = [book.add(f"https://ward{number}.example/rss").id for number in range(3)]
    book.disable(str(ids[0]))
    try:
        whole = client.get("/feeds").json()["feeds"]
        assert {feed["id"]: feed["state"] for feed in whole if feed["id"] in ids} == {
            ids[0]: "disabled",
            ids[1]: "new",
            ids[2]: "new",
        }
        page = client.get("/feeds", params={"limit": 1, "after": ids[0]}).json()["feeds"]
        assert [feed["id"] for feed in page] == [ids[1]]
        assert ids[0] not in [feed["id"] for feed in client.get("/feeds", params={"which": "polled"}).json()["feeds"]]
        assert client.get("/feeds", params={"which": "some"}).status_code == 422
    finally:
        for id_ in ids:
            book.remove(str(id_))
