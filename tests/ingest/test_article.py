"""Identity, limits and storable text of one article."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dedup_ingest import Article, ArticleError, ArticleLimits, make_article


def article(**fields: Any) -> Article:
    given_fields = {"source": "Harbour Gazette", "title": "Ferry reopens", "text": "It sails on Monday.", "lang": "en"}
    return make_article(**{**given_fields, **fields})


def test_case_39_nul_and_control_characters_are_stripped_from_every_field() -> None:
    made = article(
        title="Fer\x00ry\x07 reopens", text="It\x1b sails\x00 on\x85 Monday.", guid="g\x001", source="A\x00B"
    )
    assert (made.title, made.text, made.guid, made.source) == ("Ferry reopens", "It sails on Monday.", "g1", "AB")


def test_case_40_lone_surrogates_are_replaced_and_split_pairs_joined() -> None:
    made = article(title="a \ud800 b", text="\ud83d\ude00 \udfff")
    assert (made.title, made.text) == ("a \ufffd b", "😀 \ufffd")
    (made.title + made.text + made.cleaned).encode("utf-8")


def test_case_38_fields_are_cut_at_their_limits() -> None:
    limits = ArticleLimits(max_title_characters=10, max_text_characters=20, max_guid_characters=5)
    made = article(title="t" * 50_000_000, text="w " * 1000, guid="g" * 100, limits=limits)
    assert (len(made.title), len(made.text), made.guid) == (10, 19, "ggggg")
    assert article(url=f"https://gazette.example/{'a' * 3000}").url is None


def test_case_48_without_guid_link_and_date_the_id_is_stable_and_survives_an_edited_text() -> None:
    first = article(text="It sails on Monday.")
    assert article(text="It sails on Monday.").key == first.key
    assert article(text="It sails on Tuesday.").key == first.key
    assert article(title="Ferry closes").key != first.key
    assert article(title="", text="One.").key == article(title="", text="One.").key
    assert article(title="", text="One.").key != article(title="", text="Two.").key
    assert article(scope="https://a.example/rss").key != article(scope="https://b.example/rss").key


def test_the_key_comes_from_the_guid_then_the_url_then_title_and_date() -> None:
    day = datetime(2026, 11, 23, tzinfo=UTC)
    by_guid = article(guid="g1", url="https://gazette.example/1", published=day)
    assert article(guid="g1", title="Edited", url="https://gazette.example/2").key == by_guid.key
    assert article(guid="g2", url="https://gazette.example/1").key != by_guid.key
    by_url = article(url="https://gazette.example/1?utm_source=rss")
    assert article(url="https://GAZETTE.example/1#top", title="Edited").key == by_url.key
    assert article(published=day).key != article(published="2026-11-24").key
    assert len({by_guid.key, by_url.key, article(published=day).key}) == 3
    assert all(len(key) == 64 for key in (by_guid.key, by_url.key))


def test_case_50_a_new_guid_with_the_same_content_has_the_same_fingerprint() -> None:
    one, other = article(guid="g1"), article(guid="g2", text="It  sails on Monday")
    assert one.key != other.key
    assert one.fingerprint == other.fingerprint


@pytest.mark.parametrize("title", ["🏆🏆", "…", "?!", "—"])
def test_case_53_a_title_of_emoji_or_punctuation_alone_is_an_article_of_its_own(title: str) -> None:
    made = article(title=title, text="")
    assert made.title == title
    assert made.fingerprint != article(title="«»", text="").fingerprint


def test_case_53_an_article_with_neither_title_nor_text_is_refused_by_name() -> None:
    with pytest.raises(ArticleError, match="Harbour Gazette"):
        article(title=" \x00 ", text="\n")


def test_case_54_opposite_titles_have_different_fingerprints() -> None:
    one = article(title="The Fed did not raise interest rates", text="")
    assert one.fingerprint != article(title="The Fed did raise interest rates", text="").fingerprint


def test_case_55_a_timestamp_inside_the_body_is_no_new_revision_but_a_changed_figure_is() -> None:
    one = article(guid="g", text="Updated 10:04:05, 23.11.2026. Two people were hurt, 5 boats sank.")
    other = article(guid="g", text="Updated 11:30:59, 24.11.2026. Two people were hurt, 5 boats sank.")
    edited = article(guid="g", text="Updated 11:30:59, 24.11.2026. Two people were hurt, 6 boats sank.")
    assert one.key == other.key == edited.key
    assert one.fingerprint != other.fingerprint
    assert one.revision == other.revision != edited.revision


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("Launch at 10:00", "Launch at 18:00"),
        ("Vote on 1.03.2026", "Vote on 8.03.2026"),
        ("Final score 2:10", "Final score 1:25"),
    ],
)
def test_another_moment_in_the_title_is_an_edit(before: str, after: str) -> None:
    one, other = article(guid="g", title=before), article(guid="g", title=after)
    assert one.key == other.key
    assert one.revision != other.revision


def test_another_typesetting_of_the_title_is_no_edit() -> None:
    one, other = article(guid="g", title="The “Ferry” reopens"), article(guid="g", title="THE  'Ferry' reopens")
    assert one.revision == other.revision


def test_a_url_of_several_articles_is_kept_and_is_no_part_of_the_key() -> None:
    page = {"url": "https://gazette.example/alerts", "shared_url": True}
    one, other = article(title="Storm", **page), article(title="Flood", **page)
    assert one.key != other.key
    assert one.url == other.url == "https://gazette.example/alerts"
    assert one.key == article(title="Storm").key
    assert article(guid="g", **page).key == article(guid="g").key


def test_plain_text_is_not_taken_for_html() -> None:
    assert article(text="if a < b and c > d:\n\n\n\n  <b> it</b>").text == "if a < b and c > d:\n\n<b> it</b>"


@pytest.mark.parametrize("url", ["javascript:alert(1)", "file:///etc/passwd", "/relative", "https://", "http://[::1"])
def test_a_link_that_is_not_http_is_no_link(url: str) -> None:
    assert article(url=url).url is None


@given(st.text(), st.text(), st.one_of(st.none(), st.text()), st.one_of(st.none(), st.text()), st.text(max_size=40))
def test_any_texts_make_a_storable_article_or_a_clear_refusal(
    title: str, text: str, guid: str | None, url: str | None, published: str
) -> None:
    try:
        made = make_article(source="s", title=title, text=text, guid=guid, url=url, published=published, lang="en")
    except ArticleError:
        return
    for value in (made.title, made.text, made.guid or "", made.url or "", made.source):
        value.encode("utf-8")
        assert "\x00" not in value
    again = make_article(source="s", title=made.title, text=made.text, guid=made.guid, url=made.url, lang="en")
    assert again.fingerprint == made.fingerprint
