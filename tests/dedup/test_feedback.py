"""What editors say: followed at once, never undone by repair, edits or fetching again, refused if it cannot hold."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from newsroom import (
    article,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    hashing_service,
)

from dedup._errors import FeedbackRefused, NotFound
from dedup.service import Deduplicator
from dedup_ingest import Article

TRAM = (
    "Brenholt opens tram line to the river port",
    "Brenholt opened its new tram line to the river port on Thursday. Mayor Tarrask rode in the first car. "
    "The line is 14 kilometres long and has 19 stops. It will carry 30,000 passengers a day, the city says.",
)
STORKS = (
    "Storks return to Kelmouth",
    "The first storks of the year have landed on the chimney of the Kelmouth brewery. They nest there every spring.",
)
TRAMS, BIRDS = ("t1", "t2", "t3"), ("s1", "s2")


def news() -> list[Article]:
    made = [article(name, *TRAM, source=f"Outlet {name}", hours=n) for n, name in enumerate(TRAMS)]
    return made + [article(name, *STORKS, source=f"Outlet {name}", hours=n + 0.5) for n, name in enumerate(BIRDS)]


@pytest.fixture
def desk(url: str) -> Iterator[tuple[Deduplicator, dict[str, int]]]:
    """A service with two stories, of three and of two articles, and the ids of the articles by name."""
    with hashing_service(url) as service:
        placed = service.add(news())
        yield service, dict(zip((*TRAMS, *BIRDS), (one.article_id for one in placed), strict=True))
        assert_store_is_consistent(service.store, articles=5, editors=True)
        assert_index_is_caught_up(service)


def groups(service: Deduplicator, ids: dict[str, int]) -> list[set[str]]:
    homes: dict[int, set[str]] = {}
    for name, id_ in ids.items():
        homes.setdefault(service.article(id_).story_id, set()).add(name)
    return sorted(homes.values(), key=min)


def unsettle_everything(service: Deduplicator, ids: dict[str, int]) -> None:
    """As if every article had changed: each neighbourhood is grouped anew by the next repair."""
    from dedup.repair import unsettle

    with service.store.locked() as session:
        unsettle(session, ids.values())


def everything_again(service: Deduplicator, ids: dict[str, int]) -> None:
    """The feeds are read again, one article is edited on its page, and all stories are repaired."""
    service.add(news())
    service.add([article("t3", TRAM[0], TRAM[1] + " Tickets are free on Sunday.", source="Outlet t3", hours=2)])
    unsettle_everything(service, ids)
    service.repair()


def test_a_merge_joins_two_stories_for_good(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    first, second = (service.article(ids[name]).story_id for name in ("t1", "s1"))
    word = service.editor.merge(second, first)
    assert word.stories == (first,)
    assert service.story(second).story.id == first
    everything_again(service, ids)
    assert groups(service, ids) == [{*TRAMS, *BIRDS}]
    reasons = [member.joined_by.reason for member in service.story(first).members if member.joined_by is not None]
    assert any("an editor put them together (feedback 1)" in reason for reason in reasons)


def test_a_split_takes_articles_out_for_good(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    story = service.article(ids["t1"]).story_id
    word = service.editor.split(story, [ids["t3"], ids["t2"]])
    assert word.sides == ((ids["t1"],), (ids["t2"], ids["t3"]))
    assert groups(service, ids) == [{*BIRDS}, {"t1"}, {"t2", "t3"}]
    everything_again(service, ids)
    assert groups(service, ids) == [{*BIRDS}, {"t1"}, {"t2", "t3"}]


def test_not_a_duplicate_keeps_two_articles_apart_for_good(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    service.editor.different(ids["t1"], ids["t2"])
    apart = groups(service, ids)
    assert len(apart) == 3
    assert not any({"t1", "t2"} <= group for group in apart)
    everything_again(service, ids)
    assert not any({"t1", "t2"} <= group for group in groups(service, ids))


def test_is_a_duplicate_puts_two_articles_and_their_stories_together(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    service.editor.same(ids["s2"], ids["t2"])
    assert groups(service, ids) == [{*TRAMS, *BIRDS}]
    everything_again(service, ids)
    assert groups(service, ids) == [{*TRAMS, *BIRDS}]


def test_is_a_duplicate_respects_what_keeps_others_of_the_two_stories_apart(
    desk: tuple[Deduplicator, dict[str, int]],
) -> None:
    service, ids = desk
    service.editor.different(ids["t1"], ids["s1"])
    service.editor.same(ids["t2"], ids["s2"])
    homes = {name: service.article(id_).story_id for name, id_ in ids.items()}
    assert homes["t2"] == homes["s2"]
    assert homes["t1"] != homes["s1"]


def test_a_late_article_does_not_merge_what_an_editor_keeps_apart(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    service.editor.split(service.article(ids["t1"]).story_id, [ids["t3"]])
    (late,) = service.add([article("t1", TRAM[0], TRAM[1] + " It rained.", source="Outlet t1", hours=0)])
    service.repair()
    assert late.outcome == "updated"
    assert service.article(ids["t1"]).story_id != service.article(ids["t3"]).story_id


def test_what_is_taken_back_no_longer_holds_and_the_evidence_decides(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    split = service.editor.split(service.article(ids["t1"]).story_id, [ids["t3"]])
    service.editor.revoke(split.id)
    assert groups(service, ids) == [{*BIRDS}, {*TRAMS}]
    merge = service.editor.same(ids["t1"], ids["s1"])
    revoked = service.editor.revoke(merge.id)
    assert (revoked.kind, revoked.revokes) == ("revoke", merge.id)
    assert groups(service, ids) == [{*BIRDS}, {*TRAMS}]
    assert [(word.kind, word.revoked_by is not None) for word in service.feedback()] == [
        ("revoke", False),
        ("is-a-duplicate", True),
        ("revoke", False),
        ("split", True),
    ]


def test_contradictions_are_refused_and_say_what_to_take_back(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    apart = service.editor.different(ids["t1"], ids["t2"])
    with pytest.raises(FeedbackRefused, match=f"feedback {apart.id} keeps articles .* apart: `dedup feedback revoke"):
        service.editor.same(ids["t1"], ids["t2"])
    together = service.editor.same(ids["t1"], ids["s1"])
    with pytest.raises(FeedbackRefused, match=f"put together by feedback {together.id}"):
        service.editor.different(ids["s1"], ids["t1"])
    # By way of a third article, too.
    service.editor.same(ids["s1"], ids["s2"])
    with pytest.raises(FeedbackRefused, match=f"keeps articles {ids['t1']} and {ids['t2']} apart"):
        service.editor.same(ids["t2"], ids["s2"])
    assert [word.kind for word in service.feedback()] == ["is-a-duplicate", "is-a-duplicate", "not-a-duplicate"]


def test_words_about_what_is_not_there_are_refused(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    tram, storks = (service.article(ids[name]).story_id for name in ("t1", "s1"))
    refused = [
        (lambda: service.editor.merge(tram, tram), "are one already"),
        (lambda: service.editor.split(tram, [ids["s1"]]), "is in story"),
        (lambda: service.editor.split(storks, [ids["s1"], ids["s2"]]), "not all"),
        (lambda: service.editor.split(storks, []), "not all"),
        (lambda: service.editor.same(ids["t1"], ids["t1"]), "one article"),
    ]
    for say, message in refused:
        with pytest.raises(FeedbackRefused, match=message):
            say()
    for say in (
        lambda: service.editor.merge(tram, 999),
        lambda: service.editor.split(999, [ids["t1"]]),
        lambda: service.editor.different(ids["t1"], 2**70),
        lambda: service.editor.revoke(2**70),
    ):
        with pytest.raises(NotFound):
            say()
    word = service.editor.different(ids["t1"], ids["s1"])
    revoked = service.editor.revoke(word.id)
    for id_ in (word.id, revoked.id):
        with pytest.raises(FeedbackRefused, match=r"took back|taken back"):
            service.editor.revoke(id_)
    assert len(service.feedback()) == 2


def test_calibration_gets_pairs_with_labels(desk: tuple[Deduplicator, dict[str, int]]) -> None:
    service, ids = desk
    service.editor.split(service.article(ids["t1"]).story_id, [ids["t3"]])
    service.editor.same(ids["s1"], ids["s2"])
    gone = service.editor.different(ids["t1"], ids["s1"])
    service.editor.revoke(gone.id)
    assert sorted(service.labelled_pairs()) == sorted(
        [(ids["t1"], ids["t3"], False), (ids["t2"], ids["t3"], False), (ids["s1"], ids["s2"], True)]
    )


def test_the_history_of_a_story_tells_joins_splits_and_merges_with_their_reasons(
    desk: tuple[Deduplicator, dict[str, int]],
) -> None:
    service, ids = desk
    tram, storks = (service.article(ids[name]).story_id for name in ("t1", "s1"))
    service.editor.split(tram, [ids["t3"]])
    service.editor.merge(tram, storks)
    history = service.history(storks)
    assert history == service.history(tram)
    kinds = [(event.story_id, event.kind) for event in history]
    assert kinds == [
        (tram, "create"),
        (storks, "create"),
        (tram, "join"),
        (storks, "join"),
        (tram, "join"),
        (tram, "leave"),
        (tram, "feedback"),
        (tram, "merge"),
        (tram, "feedback"),
    ]
    join = history[2].detail
    assert (join["with"], join["verdict"], join["reason"]) == (ids["t1"], "identical", "same text after normalisation")
    assert history[5].detail["articles"] == [ids["t3"]]
    with pytest.raises(NotFound):
        service.history(999)
