"""What becomes of articles handed to the service, and what the store holds afterwards; on SQLite and on PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from newsroom import (
    NOON,
    HashingEncoder,
    article,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    hashing_service,
    invented_news,
    stories_by_guid,
)
from sqlalchemy import select

from dedup._errors import NotFound
from dedup.service import effective_time
from dedup.store import ArticleRow, EmbeddingRow, FeedRow, MatchRow, StoryEventRow
from dedup.verdict import Verdict
from dedup_ingest import make_article

TRAM = (
    "Brenholt opens tram line to the river port",
    "Brenholt opened its new tram line to the river port on Thursday. Mayor Tarrask rode in the first car. "
    "The line is 14 kilometres long and has 19 stops. It will carry 30,000 passengers a day, the city says.",
)
STORKS = (
    "Storks return to Kelmouth",
    "The first storks of the year have landed on the chimney of the Kelmouth brewery.",
)


def test_a_first_article_begins_a_story_and_its_copy_elsewhere_joins_it(url: str) -> None:
    with hashing_service(url) as service:
        first, other = service.add([article("a", *TRAM), article("b", *STORKS)])
        (copy,) = service.add([article("c", *TRAM, source="Harbour Courier", hours=1)])
        assert (first.outcome, other.outcome, copy.outcome) == ("new_story", "new_story", "joined")
        assert first.match is None
        assert copy.story_id == first.story_id != other.story_id
        assert copy.match is not None
        assert copy.match.verdict is Verdict.IDENTICAL
        assert copy.match.article.id == first.article_id
        assert_store_is_consistent(service.store, articles=3)
        assert_index_is_caught_up(service)


def test_a_lightly_edited_copy_joins_as_near_copy_and_never_reaches_the_encoder(url: str) -> None:
    encoder = HashingEncoder()
    with hashing_service(url, encoder=encoder) as service:
        service.add([article("a", *TRAM)])
        encoder.calls.clear()
        edited = TRAM[1] + " Tickets are free on the first weekend."
        (copy,) = service.add([article("b", TRAM[0], edited, source="Harbour Courier", hours=1)])
        assert copy.match is not None
        assert copy.match.verdict is Verdict.NEAR_COPY
        assert encoder.calls == []
        assert service.stats().embeddings == 1


def test_the_same_article_again_is_known_and_costs_no_encoding(url: str) -> None:
    encoder = HashingEncoder()
    with hashing_service(url, encoder=encoder) as service:
        news = invented_news(40)
        placed = service.add(news)
        encoder.calls.clear()
        again = service.add(news)
        assert {one.outcome for one in again} == {"known"}
        assert [(one.article_id, one.story_id) for one in again] == [(one.article_id, one.story_id) for one in placed]
        assert encoder.calls == []
        assert_store_is_consistent(service.store, articles=40)


def test_a_key_that_repeats_in_one_call_is_one_article_with_the_last_text(url: str) -> None:
    with hashing_service(url) as service:
        placed = service.add([article("a", "Draft headline"), article("b", *STORKS), article("a", *TRAM)])
        assert placed[0] == placed[2]
        assert service.article(placed[0].article_id).title == TRAM[0]
        assert_store_is_consistent(service.store, articles=2)


def test_a_key_that_repeats_across_batches_of_one_call_is_one_article(url: str) -> None:
    with hashing_service(url, encode={"batch_articles": 2}) as service:
        news = invented_news(7)
        service.add([*news, *news[::-1]])
        assert_store_is_consistent(service.store, articles=7)


def test_an_edited_article_is_updated_in_place_and_keeps_its_story(url: str) -> None:
    with hashing_service(url) as service:
        first, copy = service.add([article("a", *TRAM), article("b", *TRAM, source="Harbour Courier", hours=1)])
        corrected = article("a", "Correction: Brenholt tram line opens in May", "Quite another text now, it was wrong.")
        (updated,) = service.add([corrected])
        assert (updated.outcome, updated.article_id, updated.story_id) == ("updated", first.article_id, first.story_id)
        assert service.article(first.article_id).title.startswith("Correction")
        assert [member.article.id for member in service.story(first.story_id).members] == [
            first.article_id,
            copy.article_id,
        ]
        assert_store_is_consistent(service.store, articles=2)
        assert_index_is_caught_up(service)
        with service.store.reading() as session:
            kinds = list(session.scalars(select(StoryEventRow.kind).order_by(StoryEventRow.id)))
            row = session.get_one(ArticleRow, first.article_id)
            assert kinds == ["create", "join", "update"]
            assert row.updated_at is not None
            assert row.revision == 3


def test_after_an_edit_the_new_text_is_found_and_the_old_one_is_not(url: str) -> None:
    with hashing_service(url) as service:
        (first,) = service.add([article("a", *TRAM)])
        service.add([article("a", *STORKS)])
        (storks,) = service.add([article("b", *STORKS, source="Harbour Courier", hours=1)])
        (tram,) = service.add([article("c", *TRAM, source="Lusen Ledger", hours=1)])
        assert storks.story_id == first.story_id
        assert tram.outcome == "new_story"
        assert_store_is_consistent(service.store, articles=3)


def test_an_edit_in_the_same_batch_counts_for_the_articles_after_it(url: str) -> None:
    """The copy was marked as one of the old text, which nobody has any more: it begins a story, with a vector."""
    with hashing_service(url) as service:
        service.add([article("a", *TRAM)])
        edited, copy = service.add([article("a", *STORKS), article("b", *TRAM, source="Lusen Ledger", hours=1)])
        assert (edited.outcome, copy.outcome) == ("updated", "new_story")
        assert_store_is_consistent(service.store, articles=2)
        assert_index_is_caught_up(service)


def test_case_55_a_page_that_only_writes_the_time_into_its_text_is_not_updated_for_ever(url: str) -> None:
    with hashing_service(url) as service:
        service.add([article("a", TRAM[0], TRAM[1] + " Page made at 10:04:05 on 12.03.2026.")])
        (again,) = service.add([article("a", TRAM[0], TRAM[1] + " Page made at 10:14:09 on 12.03.2026.")])
        assert again.outcome == "known"


def test_case_50_a_new_guid_with_the_same_text_is_a_duplicate_not_news(url: str) -> None:
    with hashing_service(url) as service:
        first, second = service.add([article("a", *TRAM), article("a-again", *TRAM, hours=1)])
        assert second.story_id == first.story_id
        assert second.match is not None
        assert second.match.verdict is Verdict.IDENTICAL


@pytest.mark.parametrize("title", ["🎉🎉🎉", "!!!", "…", "42"])
def test_case_53_articles_almost_without_words_are_stored_and_only_equal_ones_join(url: str, title: str) -> None:
    with hashing_service(url) as service:
        first, same, other = service.add(
            [
                article("a", title, source="Meridian Wire"),
                article("b", title, source="Harbour Courier"),
                article("c", "🌊🌊"),
            ]
        )
        assert same.story_id == first.story_id != other.story_id
        assert_store_is_consistent(service.store, articles=3)


def test_nothing_is_compared_beyond_the_window(url: str) -> None:
    with hashing_service(url, verdict={"window_hours": 72.0}) as service:
        first, near, far = service.add(
            [
                article("a", *TRAM),
                article("b", *TRAM, source="Harbour Courier", hours=71),
                article("c", *TRAM, source="Lusen Ledger", hours=200),
            ]
        )
        assert near.story_id == first.story_id
        assert far.outcome == "new_story"


def test_a_story_begins_with_its_oldest_article_whatever_the_order_it_came_in(url: str) -> None:
    with hashing_service(url) as service:
        late, early = service.add([article("late", *TRAM, hours=5), article("early", *TRAM, source="Courier", hours=1)])
        assert (early.outcome, late.outcome) == ("new_story", "joined")
        assert service.story(early.story_id).story.representative_id == early.article_id


def test_a_copy_that_comes_late_but_is_older_does_not_stand_for_the_story(url: str) -> None:
    """It never reached the encoder: reworded articles could no longer be compared with what stands for the story."""
    with hashing_service(url) as service:
        (first,) = service.add([article("a", *TRAM, hours=5)])
        (older,) = service.add([article("b", *TRAM, source="Courier", hours=1)])
        story = service.story(first.story_id)
        assert story.story.representative_id == first.article_id
        assert story.story.first_at == NOON + timedelta(hours=1)
        assert [member.article.id for member in story.members] == [older.article_id, first.article_id]
        assert_store_is_consistent(service.store, articles=2)


def test_a_full_story_is_closed_and_the_next_copy_begins_another_with_a_vector(url: str) -> None:
    with hashing_service(url, story={"max_size_articles": 3}) as service:
        placed = service.add([article(f"a{n}", *TRAM, source=f"Outlet {n}", hours=n / 10) for n in range(7)])
        sizes = sorted(service.story(story).story.size for story in {one.story_id for one in placed})
        assert sizes == [1, 3, 3]
        assert service.stats().embeddings == 3


def test_a_story_does_not_grow_beyond_its_span(url: str) -> None:
    limits = {"max_span_hours": 48.0}
    with hashing_service(url, story=limits, verdict={"window_hours": 30.0}) as service:
        placed = service.add([article(f"a{n}", *TRAM, source=f"Outlet {n}", hours=24.0 * n) for n in range(5)])
        assert len({one.story_id for one in placed}) == 2
        for story in {one.story_id for one in placed}:
            facts = service.story(story).story
            assert facts.last_at - facts.first_at <= timedelta(hours=48)


def test_batches_of_any_size_make_the_same_stories(url: str) -> None:
    news = invented_news(60)
    with hashing_service(url, encode={"batch_articles": 60}) as service:
        service.add(news)
        assert_store_is_consistent(service.store, articles=60)
        whole = stories_by_guid(service.store)
        with service.store.reading() as session:
            texts = {row.guid: row.fingerprint for row in session.scalars(select(ArticleRow))}
    # One by one the memory finds what the batch compared directly: identical texts are together either way.
    for size in (1, 7):
        from pathlib import Path
        from tempfile import TemporaryDirectory

        with (
            TemporaryDirectory() as folder,
            hashing_service(f"sqlite:///{Path(folder)}/n.sqlite3", encode={"batch_articles": size}) as service,
        ):
            service.add(news)
            assert_store_is_consistent(service.store, articles=60)
            parts = stories_by_guid(service.store)
            assert len({texts[guid] for guid in parts}) == len(set(texts.values()))
            assert parts == whole


def test_what_finish_writes_is_there_exactly_when_all_articles_are(url: str) -> None:
    now = datetime.now(UTC)

    def visit(session: object) -> None:
        session.add(FeedRow(url="feed", added_at=now, etag='"v1"', failures=0))  # type: ignore[attr-defined]

    def feeds(service: object) -> int:
        return service.stats().feeds  # type: ignore[attr-defined, no-any-return]

    with hashing_service(url, encode={"batch_articles": 4}) as service:
        seen: list[tuple[int, int]] = []
        service.add(
            invented_news(12), finish=visit, progress=lambda *_: seen.append((service.stats().articles, feeds(service)))
        )
        assert seen == [(4, 0), (8, 0), (12, 1)]


def test_finish_is_called_when_there_are_no_articles(url: str) -> None:
    called: list[bool] = []
    with hashing_service(url) as service:
        assert service.add([], finish=lambda _: called.append(True)) == ()
    assert called == [True]


def test_the_feed_of_an_article_is_kept(url: str) -> None:
    with hashing_service(url) as service:
        with service.store.locked() as session:
            session.add(FeedRow(id=5, url="feed", added_at=datetime.now(UTC), failures=0))
        one = article("a", *TRAM)
        service.add([one], feed_ids={one.key: 5})
        with service.store.reading() as session:
            assert session.scalar(select(ArticleRow.feed_id)) == 5


def test_a_date_in_the_far_future_or_none_counts_as_now() -> None:
    now = datetime(2026, 3, 12, tzinfo=UTC)
    assert effective_time(None, now) == now
    assert effective_time(now + timedelta(days=300), now) == now
    assert effective_time(now + timedelta(hours=20), now) == now + timedelta(hours=20)
    assert effective_time(datetime(1999, 1, 1, tzinfo=UTC), now) == datetime(1999, 1, 1, tzinfo=UTC)


def test_very_long_and_odd_texts_go_through(url: str) -> None:
    odd = "Kelm\u0000outh \ud800 \u202e" + "storks " * 20_000
    with hashing_service(url) as service:
        (placed,) = service.add([make_article(source="a\u0000b", title=odd, text=odd, guid="x" * 5000)])
        assert placed.outcome == "new_story"
        assert "\u0000" not in service.article(placed.article_id).text
        assert_store_is_consistent(service.store, articles=1)


def test_similar_finds_without_storing_and_respects_k_window_and_probability(url: str) -> None:
    with hashing_service(url) as service:
        (first,) = service.add([article("a", *TRAM)])
        service.add(invented_news(40))
        before = service.stats()
        found = service.similar(title=TRAM[0], text=TRAM[1])
        assert found[0].article.id == first.article_id
        assert found[0].verdict is Verdict.IDENTICAL
        assert len(service.similar(title=TRAM[0], text=TRAM[1], k=3)) == 3
        assert all(match.probability >= 0.5 for match in service.similar(title=TRAM[0], min_probability=0.5))
        assert service.similar(title=TRAM[0], published=NOON - timedelta(days=40)) == ()
        assert service.stats() == before


def test_similar_looks_past_nearer_articles_outside_the_window(url: str) -> None:
    with hashing_service(url) as service:
        old = [article(f"old{n}", *TRAM, source=f"Outlet {n}", hours=-24.0 * (5 + 4 * n)) for n in range(60)]
        service.add(old)
        (recent,) = service.add(
            [
                article(
                    "new", "Brenholt tram carries its first passengers", "Tarrask rode it to the river port.", hours=1
                )
            ]
        )
        found = service.similar(title=TRAM[0], text=TRAM[1], published=NOON)
        assert [match.article.id for match in found] == [recent.article_id]


def test_similar_on_an_empty_store_is_empty(url: str) -> None:
    with hashing_service(url) as service:
        assert service.similar(title="Anything at all") == ()


def test_explain_says_the_same_from_both_sides_and_knows_what_is_missing(url: str) -> None:
    with hashing_service(url) as service:
        first, second = service.add([article("a", *TRAM), article("b", *STORKS)])
        there = service.explain(first.article_id, second.article_id)
        back = service.explain(second.article_id, first.article_id)
        assert (there.verdict, there.probability) == (back.verdict, back.probability)
        assert there.article.id == second.article_id
        assert there.evidence.cosine is not None
        itself = service.explain(first.article_id, first.article_id)
        assert itself.verdict is Verdict.IDENTICAL
        for missing in (0, -1, 999, 2**63, 2**70):
            with pytest.raises(NotFound):
                service.explain(first.article_id, missing)
            with pytest.raises(NotFound):
                service.article(missing)
            with pytest.raises(NotFound):
                service.story(missing)
            with pytest.raises(NotFound):
                service.matches(missing)


def test_a_text_of_unknown_language_is_no_translation(url: str) -> None:
    with hashing_service(url) as service:
        first, second = service.add([article("a", *TRAM), make_article(source="x", title="🎉 🎉", text="", guid="e")])
        assert not service.explain(first.article_id, second.article_id).evidence.translation


def test_stories_are_listed_newest_first_and_filtered(url: str) -> None:
    with hashing_service(url) as service:
        service.add(
            [
                article("a", *TRAM),
                article("b", *TRAM, source="Harbour Courier", hours=2),
                article("c", *STORKS, hours=1),
                article("d", "Хартиган закрыл каток", "Каток закрыт до осени.", lang="ru", hours=-3),
            ]
        )
        assert [story.size for story in service.stories()] == [2, 1, 1]
        assert [story.last_at for story in service.stories()] == sorted(
            (story.last_at for story in service.stories()), reverse=True
        )
        assert [story.size for story in service.stories(min_size=2)] == [2]
        assert len(service.stories(limit=1)) == 1
        assert len(service.stories(since=NOON)) == 2
        assert [story.langs for story in service.stories(lang="ru")] == [("ru",)]
        assert service.stories(min_size=2)[0].sources == ("Harbour Courier", "Meridian Wire")


def test_stored_evidence_reads_back_as_it_was_decided(url: str) -> None:
    with hashing_service(url) as service:
        service.add([article("a", *TRAM)])
        (joined,) = service.add([article("b", TRAM[0], TRAM[1] + " It snowed.", source="Courier", hours=1)])
        assert joined.match is not None
        (stored,) = service.matches(joined.article_id)
        assert stored == joined.match
        member = service.story(joined.story_id).members[1]
        assert member.joined_by == joined.match


def test_embeddings_are_float16_unit_vectors(url: str) -> None:
    import numpy as np

    from dedup.memory import unpack

    with hashing_service(url) as service:
        service.add(invented_news(10))
        with service.store.reading() as session:
            blobs = list(session.scalars(select(EmbeddingRow.vector)))
        assert {len(blob) for blob in blobs} == {2 * HashingEncoder.dimension}
        assert np.allclose([np.linalg.norm(unpack(blob)) for blob in blobs], 1.0, atol=1e-6)


def test_a_match_that_an_earlier_version_wrote_can_still_be_read(url: str) -> None:
    with hashing_service(url) as service:
        service.add([article("a", *TRAM)])
        (copy,) = service.add([article("a-again", *TRAM, hours=1)])
        with service.store.locked() as session:
            (row,) = session.scalars(select(MatchRow))
            later = {"usual", "crowding", "word_cosine", "name_cosine", "headlines_only", "words"}
            row.evidence = {name: value for name, value in row.evidence.items() if name not in later}
        joined = [member.joined_by for member in service.story(copy.story_id).members if member.joined_by]
        assert [(match.evidence.crowding, match.evidence.words) for match in joined] == [(None, None)]
        # The same text is a copy, whatever is known of its wording.
        assert [match.near_copy_probability for match in joined] == [1.0]
