"""Spaces of embeddings: identity, scale, and a change of model that mixes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from newsroom import (
    HashingEncoder,
    article,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    config_for,
    hashing_artifact,
    hashing_service,
    invented_news,
)
from numpy.typing import NDArray
from sqlalchemy import func, select

from dedup._errors import CalibrationError
from dedup.memory import unpack
from dedup.space import (
    Scale,
    View,
    calibration_rows,
    language_directions,
    language_rows,
    measure_scale,
    space_id,
    without_language,
)
from dedup.store import ArticleRow, EmbeddingRow, SpaceRow, Store

LEAD = View("lead", 60, False)


def counts(store: Store) -> dict[str, int]:
    with store.reading() as session:
        query = select(EmbeddingRow.space, func.count()).group_by(EmbeddingRow.space)
        return {row[0]: row[1] for row in session.execute(query)}


def test_a_space_is_an_artifact_and_a_view() -> None:
    ids = {
        space_id(artifact, view)
        for artifact in ("a", "b")
        for view in (LEAD, View("lead", 40, False), View("title", 60, False), View("lead", 60, True))
    }
    assert len(ids) == 8
    assert space_id("a", LEAD) == space_id("a", View("lead", 60, False))
    # Words of the lead mean nothing to the other views.
    assert space_id("a", View("title", 10, False)) == space_id("a", View("title", 60, False))


def test_a_view_shows_the_title_the_lead_or_everything() -> None:
    text = " ".join(f"w{n}" for n in range(100))
    assert View("title", 60, False).text("Title", text, "en") == "Title"
    assert View("lead", 3, False).text("Title", text, "en") == "Title\nw0 w1 w2"
    assert View("body", 3, False).text("Title", text, "en") == f"Title\n{text}"
    assert View("title", 3, False).text("", text, "en") == "w0 w1 w2"
    assert View("lead", 3, False).text("Title", "", "en") == "Title"
    assert View("lead", 60, True).text("The storks", "are not on the roof", "en") == "storks not roof"


def test_the_language_is_taken_out_of_a_vector_and_nothing_else() -> None:
    rng = np.random.default_rng(5)
    news = rng.normal(size=(8, 32)).astype(np.float32)
    accents = 3 * rng.normal(size=(3, 32)).astype(np.float32)
    vectors = np.concatenate([news + accent for accent in accents])
    plain = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    rows = language_directions(vectors, ["en"] * 8 + ["ru"] * 8 + ["zh"] * 8)
    cleaned = without_language(vectors, rows)
    assert rows.shape == (3, 32)
    assert np.allclose(np.linalg.norm(cleaned, axis=1), 1, atol=1e-5)
    # The same text in two languages is one vector now; before, the language outweighed what was told.
    assert np.allclose(cleaned[:8], cleaned[8:16], atol=1e-4)
    assert max(plain[i] @ plain[8 + i] for i in range(8)) < min(plain[0] @ plain[i] for i in range(1, 8))


def test_the_parallel_texts_tell_the_same_events_in_every_language() -> None:
    told = [(row["event"], row["lang"]) for row in language_rows()]
    langs = {lang for _, lang in told}
    assert len(langs) == 12
    assert len(set(told)) == len(told) == 16 * 12


def test_the_calibration_texts_are_paired_and_nothing_else() -> None:
    rows = calibration_rows()
    events = {row["event"] for row in rows}
    assert len(rows) == 4 * len(events)
    for event in events:
        assert sorted(row["lang"] for row in rows if row["event"] == event) == ["en", "en", "ru", "ru"]
    assert all(row["title"] and row["text"] for row in rows)
    assert {row["twin"] for row in rows if row.get("twin")} <= events


def test_a_scale_maps_unrelated_to_zero_and_the_same_event_to_one() -> None:
    scale = Scale(0.70, 0.90, 0.60, 0.85, 192)
    assert scale.scaled(0.70, translation=False) == pytest.approx(0)
    assert scale.scaled(0.90, translation=False) == pytest.approx(1)
    assert scale.scaled(0.60, translation=True) == pytest.approx(0)
    assert scale.scaled(0.85, translation=True) == pytest.approx(1)
    assert scale.cosine(0.5) == pytest.approx(min(0.80, 0.725))
    assert Scale(**scale.to_dict()) == scale


def test_a_model_that_tells_nothing_apart_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    from dedup.service import Deduplicator
    from dedup.store import open_store

    class Noise(HashingEncoder):
        def encode(self, texts: Sequence[str], *, progress: object = None) -> NDArray[np.float32]:
            noise = np.random.default_rng(len(texts)).normal(size=(len(texts), self.dimension)).astype(np.float32)
            return noise / np.linalg.norm(noise, axis=1, keepdims=True)

    url = f"sqlite:///{tmp_path}/news.sqlite3"
    store = open_store(url)
    with pytest.raises(CalibrationError, match="cannot tell events apart"):
        Deduplicator(config_for(url), store, hashing_artifact(), Noise(), lambda *_: None)  # type: ignore[arg-type]
    with store.reading() as session:
        assert session.scalar(select(func.count()).select_from(SpaceRow)) == 0
    with pytest.raises(CalibrationError):
        measure_scale(lambda texts: np.ones((len(texts), 4), np.float32) / 2, LEAD)
    store.close()


def test_a_change_of_model_re_embeds_everything_and_mixes_nothing(url: str) -> None:
    with hashing_service(url, salt="one") as service:
        service.add(invented_news(40))
        first, embedded = service._space, service.stats().embeddings
        service.save_index()
    encoder = HashingEncoder("two")
    with hashing_service(url, salt="two", encoder=encoder) as service:
        second = service._space
        assert counts(service.store) == {first: embedded, second: embedded}
        assert service.stats().embeddings == service.stats().indexed == embedded
        assert service.stats().model == "hashingtwo"
        assert_index_is_caught_up(service)
        with service.store.reading() as session:
            rows = session.execute(select(EmbeddingRow.article_id, EmbeddingRow.vector)).all()
            spaces = {row.id: row for row in session.scalars(select(SpaceRow))}
            articles = {row.id: (row.title, row.news) for row in session.scalars(select(ArticleRow))}
        assert spaces[first].scale != spaces[second].scale
        assert {space.artifact for space in spaces.values()} == {
            hashing_artifact("one").fingerprint,
            hashing_artifact("two").fingerprint,
        }
        # What is in the index is the second model's vector of each article, never the first's.
        for id_, blob in rows:
            hits = service._memory.index.search(unpack(blob)[None], 1).row(0)
            own = any(hit.id == id_ and hit.score > 0.999 for hit in hits)
            view = service._view.text(*articles[id_], "en")
            made = service._judge.scale.project(HashingEncoder("two").encode([view]))
            assert own == bool(unpack(blob) @ made[0] > 0.999)
        service.add(invented_news(60)[40:])
        assert_store_is_consistent(service.store)
    encoder = HashingEncoder("one")
    with hashing_service(url, salt="one", encoder=encoder) as service:
        # Back again: only what came in meanwhile is encoded, and the scale is not measured anew.
        texts = sum(len(call) for call in encoder.calls)
        assert texts == counts(service.store)[second] - embedded > 0
        assert counts(service.store)[first] == counts(service.store)[second]
        assert_index_is_caught_up(service)


def test_a_change_of_view_is_a_change_of_space(url: str) -> None:
    with hashing_service(url) as service:
        service.add(invented_news(20))
        embedded = service.stats().embeddings
    with hashing_service(url, encode={"view": "title"}) as service:
        assert list(counts(service.store).values()) == [embedded, embedded]
        assert_index_is_caught_up(service)


def test_a_re_embedding_that_is_interrupted_goes_on_where_it_was(url: str) -> None:
    class Stopped(HashingEncoder):
        def encode(self, texts: Sequence[str], *, progress: object = None) -> NDArray[np.float32]:
            if len(self.calls) == 3:  # calibration and two batches
                raise KeyboardInterrupt
            return super().encode(texts, progress=progress)

    with hashing_service(url, salt="one") as service:
        service.add(invented_news(120))
        embedded = service.stats().embeddings
    assert embedded > 40
    with pytest.raises(KeyboardInterrupt):
        hashing_service(url, salt="two", encoder=Stopped("two"))
    encoder = HashingEncoder("two")
    with hashing_service(url, salt="two", encoder=encoder) as service:
        assert sum(len(call) for call in encoder.calls) == embedded - 32
        assert service.stats().embeddings == embedded
        assert_index_is_caught_up(service)


def test_an_edit_under_another_model_leaves_no_vector_of_the_old_text(url: str) -> None:
    with hashing_service(url, salt="one") as service:
        (stored,) = service.add([article("a", "Storks return to Kelmouth", "They nest on the brewery.")])
    with hashing_service(url, salt="two") as service:
        service.add([article("a", "Brenholt opens a bridge", "It crosses the Kelm.")])
        assert list(counts(service.store)) == [service._space]
    with hashing_service(url, salt="one") as service:
        assert service.similar(title="Brenholt opens a bridge", k=1)[0].article.id == stored.article_id
        assert set(counts(service.store).values()) == {1}
        assert_index_is_caught_up(service)


def test_the_scale_is_measured_once_for_a_space(url: str) -> None:
    first, second = HashingEncoder(), HashingEncoder()
    with hashing_service(url, encoder=first), hashing_service(url, encoder=second):
        assert len(first.calls) == 1
        assert second.calls == []


def test_two_precisions_of_one_model_are_two_spaces() -> None:
    manifest = hashing_artifact().manifest
    int8 = replace(
        hashing_artifact(), manifest=replace(manifest, contract=replace(manifest.contract, precision="int8"))
    )
    assert int8.fingerprint != hashing_artifact().fingerprint
