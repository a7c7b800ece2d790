"""What an outlet writes in one article after another is not compared; what its versions of one story repeat is."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from newsroom import HashingEncoder, article, assert_store_is_consistent, hashing_service, invented_news
from rich.console import Console
from sqlalchemy import select

from dedup.profile import profile
from dedup.render import explanation
from dedup.standing import pack_keys, sentence_keys, standing_sentences, unpack_keys, without
from dedup.store import ArticleRow

SIGN_OFF = "Subscribe to the Kelmouth Herald channel and win a trip to Lake Orsina!"
NEWS = (
    ("Storks return to Kelmouth", "The first storks of the year have landed on the brewery."),
    ("Tarrask opens tram line", "Mayor Tarrask rode in the first car to the river port."),
    ("Brenholt bakery burns", "Nobody was hurt when the ovens caught fire at night."),
    ("Wexley wins the regatta", "Her boat was two lengths ahead at the lighthouse."),
    ("Library closes for repairs", "Readers may return their books at the town hall until May."),
)


def signed(number: int) -> tuple[str, str]:
    title, text = NEWS[number]
    return title, f"{text} {SIGN_OFF}"


def learnt(texts: list[str], least: int = 4) -> frozenset[int]:
    *before, last = map(sentence_keys, texts)
    return standing_sentences(last, before, least)


def test_a_sentence_under_four_unlike_articles_is_left_out_of_each() -> None:
    texts = [signed(number)[1] for number in range(4)]
    assert [without(text, learnt(texts)) for text in texts] == [NEWS[number][1] for number in range(4)]


def test_under_three_it_may_be_news() -> None:
    texts = [signed(number)[1] for number in range(3)]
    assert learnt(texts) == frozenset()
    assert without(texts[0], learnt(texts)) == texts[0]


def test_case_marks_and_the_place_of_a_sentence_do_not_matter() -> None:
    texts = [signed(number)[1] for number in range(3)]
    texts.append(f"SUBSCRIBE to the Kelmouth Herald channel, and win a trip to Lake Orsina…\n{NEWS[3][1]}")
    assert without(texts[3], learnt(texts)) == NEWS[3][1]


def test_a_story_published_again_with_a_line_more_each_time_keeps_its_sentences() -> None:
    versions = ["Nobody was hurt. The ovens caught fire at night. Firemen came from three towns."]
    for hour in range(8):
        versions.append(f"{versions[-1]} It is now {hour} o'clock in Brenholt.")
    assert learnt(versions) == frozenset()


def test_short_sentences_are_never_left_out() -> None:
    texts = [f"{text} Read more." for _, text in NEWS]
    assert learnt(texts) == frozenset()


def test_keys_come_back_from_their_packed_form() -> None:
    keys = sentence_keys(signed(0)[1])
    assert len(keys) == 2
    assert unpack_keys(pack_keys(keys)) == keys
    assert pack_keys(frozenset()) == b""


def test_the_service_learns_what_a_source_always_writes_and_compares_the_rest(url: str) -> None:
    encoder = HashingEncoder()
    with hashing_service(url, encoder=encoder) as service:
        service.add([article(str(number), *signed(number), hours=number) for number in range(4)])
        encoder.calls.clear()
        service.add([article("late", *signed(4), hours=5)])
        assert encoder.calls == [["\n".join(NEWS[4])]]
        with service.store.reading() as session:
            row = session.scalars(select(ArticleRow).where(ArticleRow.title == NEWS[4][0])).one()
            assert row.text == signed(4)[1]
            assert row.news == row.news_text == NEWS[4][1]
        assert_store_is_consistent(service.store, articles=5)


def test_other_sources_are_compared_with_every_sentence(url: str) -> None:
    with hashing_service(url) as service:
        service.add([article(str(number), *signed(number), hours=number) for number in range(4)])
        service.add([article("other", *signed(4), source="Harbour Courier", hours=5)])
        with service.store.reading() as session:
            row = session.scalars(select(ArticleRow).where(ArticleRow.source == "Harbour Courier")).one()
            assert row.news_text is None
            assert row.news == row.text


def test_explain_rests_on_what_is_compared_and_tells_what_was_left_out(url: str) -> None:
    with hashing_service(url) as service:
        placed = service.add([article(str(number), *signed(number), hours=number) for number in range(5)])
        found = service.explain(placed[3].article_id, placed[4].article_id)
        assert found.article.left_out == (SIGN_OFF,)
        first = service.article(placed[3].article_id)
        assert service.article(placed[0].article_id).left_out == ()
        assert found.evidence.shared_names == ()
        assert found.evidence.jaccard == 0
        assert "Orsina" in profile(*signed(0)).whole.names.values()
        console = Console(width=200, file=StringIO())
        console.print(explanation(first, found))
        assert f"left out   what its source always writes: {SIGN_OFF} " in console.file.getvalue()


def test_a_text_that_is_nothing_else_is_compared_by_its_headline_or_as_it_is(url: str) -> None:
    with hashing_service(url) as service:
        service.add([article(str(number), *signed(number), hours=number) for number in range(4)])
        service.add(
            [article("bare", "Ferry stopped by ice", SIGN_OFF, hours=5), article("none", "", SIGN_OFF, hours=6)]
        )
        with service.store.reading() as session:
            texts = dict(session.execute(select(ArticleRow.title, ArticleRow.news)).all())
        assert texts["Ferry stopped by ice"] == ""
        assert texts[""] == SIGN_OFF


def test_batches_of_any_size_leave_out_the_same(tmp_path: Path) -> None:
    news = invented_news(60)
    read = []
    for size in (60, 7, 1):
        with hashing_service(f"sqlite:///{tmp_path}/{size}.sqlite3", encode={"batch_articles": size}) as service:
            service.add(news)
            with service.store.reading() as session:
                read.append(dict(session.execute(select(ArticleRow.guid, ArticleRow.news)).all()))
    assert any(read[0][one.guid] != one.text for one in news)
    assert read == [read[0]] * 3


def test_it_can_be_switched_off(url: str) -> None:
    with hashing_service(url, boilerplate={"recent_articles": 0}) as service:
        service.add([article(str(number), *signed(number), hours=number) for number in range(5)])
        with service.store.reading() as session:
            assert set(session.scalars(select(ArticleRow.news_text))) == {None}
