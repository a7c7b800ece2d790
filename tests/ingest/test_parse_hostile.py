"""Documents made to hurt, in the processes that may be killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dedup_ingest import ArticleLimits, ErrorKind, FeedOutcome, FeedRequest, ParseSettings
from dedup_ingest._document import parse_document
from dedup_ingest._entries import Parsed

URL = "https://gazette.example/rss/feed.xml"


def parsed(body: bytes, content_type: str | None = None, **options: Any) -> Parsed:
    """The document parsed in this process: for what is not hostile."""
    parse = ParseSettings(detect_language=False, **options)
    return parse_document(body, url=URL, base=URL, content_type=content_type, parse=parse, limits=ArticleLimits())


def from_files(kit: Any, folder: Path, parse: ParseSettings, **bodies: bytes) -> dict[str, FeedOutcome]:
    """The outcomes of files with these contents, through the parsing processes."""
    requests = []
    for name, body in bodies.items():
        (folder / name).write_bytes(body)
        requests.append(FeedRequest(str(folder / name)))
    from dedup_ingest import FetchSettings

    outcomes = kit.run(kit.gather(requests, FetchSettings(max_body_bytes=100_000_000, max_concurrency=1), parse))
    return {Path(url).name: outcome for url, outcome in outcomes.items()}


# ---- hostile documents, in the processes that may be killed ----


def test_case_31_a_billion_laughs_are_bounded(kit: Any, tmp_path: Path) -> None:
    entities = '<!ENTITY l0 "lol">' + "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 12))
    body = kit.rss(kit.item(text="&l11;")).decode().replace("<rss", f"<!DOCTYPE rss [{entities}]><rss", 1).encode()
    outcome = from_files(kit, tmp_path, kit.QUICK_PARSE, laughs=body)["laughs"]
    assert sum(len(article.text) for article in outcome.articles) < 1000
    assert outcome.error_kind in (None, ErrorKind.NOT_A_FEED, ErrorKind.PARSE_MEMORY)


def test_case_32_external_entities_are_never_read(kit: Any, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("the secret word", encoding="utf-8")

    async def scenario() -> tuple[Any, list[FeedOutcome]]:
        async with kit.raw_server(lambda connection: connection.reply(b"the secret word")) as server:
            outcomes = []
            for target in (secret.as_uri(), f"{server.url}/entity"):
                for declaration in (
                    f'<!DOCTYPE rss [<!ENTITY x SYSTEM "{target}">]>',
                    f'<!DOCTYPE rss SYSTEM "{target}">',
                    f'<!DOCTYPE rss [<!ENTITY % p SYSTEM "{target}"> %p;]>',
                ):
                    body = kit.rss(kit.item(text="before &x; after")).replace(
                        b"<rss", declaration.encode() + b"<rss", 1
                    )
                    path = tmp_path / "feed.xml"
                    path.write_bytes(body)
                    outcomes += (await kit.gather([str(path)])).values()
            return server, outcomes

    server, outcomes = kit.run(scenario())
    assert server.connections == 0
    assert len(outcomes) == 6
    for outcome in outcomes:
        assert all("secret" not in article.text + article.title for article in outcome.articles)


_QUADRATIC = {
    "case_34_forty_thousand_attributes": lambda kit: kit.rss(kit.item()).replace(
        b"<item>", b"<item " + b" ".join(b'a%d="1"' % number for number in range(80_000)) + b">"
    ),
    "case_35_an_author_of_dots": lambda kit: kit.rss(
        # The unknown element keeps it from being read as plain RSS, which does not look at authors.
        kit.item().replace("</item>", f"<author>{'a.' * 32_000}</author><x/></item>")
    ),
    "case_36_tags_two_hundred_thousand_deep": lambda kit: kit.rss(
        kit.item().replace("</item>", "<x>" * 300_000 + "</x>" * 300_000 + "</item>")
    ),
}


@pytest.mark.parametrize("name", _QUADRATIC)
def test_a_quadratic_document_is_killed_at_the_deadline_and_the_next_feed_is_parsed(
    kit: Any, tmp_path: Path, name: str
) -> None:
    parse = ParseSettings(workers=1, detect_language=False, deadline_seconds=2.0)
    outcomes = from_files(kit, tmp_path, parse, hostile=_QUADRATIC[name](kit), next=kit.rss(kit.item()))
    assert outcomes["hostile"].error_kind is ErrorKind.PARSE_DEADLINE, outcomes["hostile"]
    assert "deadline_seconds" in (outcomes["hostile"].error or "")
    assert outcomes["next"].status == "fetched"


def test_case_33_open_comments_inside_cdata_cost_no_article(kit: Any, tmp_path: Path) -> None:
    body = kit.rss(kit.item(text=f"<![CDATA[{'<!--' * 100_000}]]>"))
    outcomes = from_files(kit, tmp_path, kit.QUICK_PARSE, hostile=body, next=kit.rss(kit.item()))
    assert outcomes["hostile"].status == "fetched", outcomes["hostile"].error
    assert [(article.title, article.text) for article in outcomes["hostile"].articles] == [("Ferry line reopens 1", "")]
    assert outcomes["next"].status == "fetched"


def test_case_36_html_nested_two_hundred_thousand_deep_is_killed_at_the_deadline(kit: Any, tmp_path: Path) -> None:
    parse = ParseSettings(workers=1, detect_language=False, deadline_seconds=2.0)
    body = kit.rss(kit.item(text=f"<![CDATA[{'<div>' * 200_000}]]>"))
    outcomes = from_files(kit, tmp_path, parse, hostile=body, next=kit.rss(kit.item()))
    assert outcomes["hostile"].error_kind is ErrorKind.PARSE_DEADLINE, outcomes["hostile"]
    assert "deadline_seconds" in (outcomes["hostile"].error or "")
    assert outcomes["next"].status == "fetched"


def test_case_37_a_hundred_thousand_entries_are_truncated_at_the_limit_and_counted(kit: Any, tmp_path: Path) -> None:
    body = kit.rss(*(kit.item(number) for number in range(100_000)))
    parse = ParseSettings(workers=1, detect_language=False, max_entries=200)
    outcome = from_files(kit, tmp_path, parse, many=body)["many"]
    assert (outcome.status, outcome.entries, len(outcome.articles)) == ("fetched", 100_000, 200)
    assert outcome.skipped == (("entries above the limit of 200", 99_800),)
    assert outcome.articles[-1].title == "Ferry line reopens 199"
    assert outcome.problem is None
    assert outcome.remarks == "left out: 99800 entries above the limit of 200"


def test_case_38_a_title_of_fifty_megabytes_is_truncated(kit: Any, tmp_path: Path) -> None:
    body = kit.rss(kit.item(1, title="T" * 50_000_000), kit.item(2))
    outcome = from_files(kit, tmp_path, kit.QUICK_PARSE, long=body)["long"]
    assert [len(article.title) for article in outcome.articles] == [1000, len("Ferry line reopens 2")], outcome.error


def test_a_document_above_the_memory_limit_costs_one_feed(kit: Any, tmp_path: Path) -> None:
    parse = ParseSettings(workers=1, detect_language=False, max_memory_bytes=50_000_000)
    body = kit.rss(kit.item(1, title="T" * 40_000_000))
    outcomes = from_files(kit, tmp_path, parse, huge=body, next=kit.rss(kit.item()))
    assert outcomes["huge"].error_kind in (ErrorKind.PARSE_MEMORY, ErrorKind.PARSE_CRASH), outcomes["huge"].error
    assert "max_memory_bytes" in (outcomes["huge"].error or "")
    assert outcomes["next"].status == "fetched"
