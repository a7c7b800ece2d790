"""The caches of one process: put right against SQL at every start, and kept small over time."""

from __future__ import annotations

import json
import shutil
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from newsroom import (
    NOON,
    HashingEncoder,
    article,
    assert_index_is_caught_up,
    assert_store_is_consistent,
    hashing_service,
    invented_news,
)
from sqlalchemy import delete, select

from dedup.memory import Fresh, Memory, pack, unpack
from dedup.service import Deduplicator
from dedup.store import ArticleRow, EmbeddingRow
from dedup_index import load_index

TRAM = (
    "Brenholt opens tram line to the river port",
    "Mayor Tarrask rode in the first car of the new line on Thursday.",
)


def unit(seed: int) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    vector = np.random.default_rng(seed).normal(size=8).astype(np.float32)
    return vector / np.float32(np.linalg.norm(vector))


def row(id_: int, revision: int, hours: float = 0.0, *, vector: int | None = 0, signed: bytes = b"") -> Fresh:
    at = NOON + timedelta(hours=hours)
    return Fresh(id_, revision, at, signed, None if vector is None else unit(vector or id_))


@pytest.fixture
def memory() -> Memory:
    return Memory.empty(8, "owner", timedelta(hours=48))


@pytest.fixture
def stored(tmp_path: Path) -> str:
    """A database of 60 articles with its index saved."""
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    with hashing_service(url) as service:
        service.add(invented_news(60))
        service.save_index()
    return url


def index_folder(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///") + ".index")


def reopened_whole(url: str, caplog: pytest.LogCaptureFixture) -> Deduplicator:
    caplog.set_level("INFO", logger="dedup")
    service = hashing_service(url)
    assert_index_is_caught_up(service)
    return service


def test_rows_that_were_there_before_are_replaced(memory: Memory) -> None:
    memory.apply([row(1, 1), row(2, 2)])
    memory.apply([row(1, 3, vector=9)])
    assert len(memory.index) == 2
    assert memory.watermark == 3
    ((hit, cosine),) = memory.similar_within(unit(9)[None], [NOON], None, 0.99, 1)[0]
    assert (hit, round(cosine, 4)) == (1, 1.0)


def test_an_older_text_never_replaces_a_newer_one(memory: Memory) -> None:
    """Two threads may bring the rows of one article in either order."""
    memory.apply([row(1, 5, vector=9)])
    memory.apply([row(1, 2, vector=3)])
    assert memory.watermark == 5
    assert memory.similar_within(unit(9)[None], [NOON], None, 0.99, 1)[0]
    assert not memory.similar_within(unit(3)[None], [NOON], None, 0.99, 1)[0]


def test_an_article_twice_among_the_rows_is_its_newest_text(memory: Memory) -> None:
    memory.apply([row(1, 1, vector=3), row(1, 2, vector=9)])
    assert len(memory.index) == 1
    assert memory.similar_within(unit(9)[None], [NOON], None, 0.99, 1)[0]


def test_an_article_that_lost_its_vector_leaves_the_index(memory: Memory) -> None:
    memory.apply([row(1, 1)])
    memory.apply([row(1, 2, vector=None)])
    assert len(memory.index) == 0


def test_what_is_old_leaves_the_caches(memory: Memory) -> None:
    memory.apply([row(1, 1, hours=-49), row(2, 2, hours=-48), row(3, 3, hours=0), row(4, 4, hours=-100, vector=None)])
    assert memory.expire() == 2
    assert memory.index.ids().tolist() == [2, 3]
    assert memory.expire() == 0
    assert memory.newest == NOON


def test_nothing_expires_from_empty_caches(memory: Memory) -> None:
    assert memory.expire() == 0
    assert memory.newest is None


def test_neighbours_outside_the_window_do_not_crowd_out_those_inside(memory: Memory) -> None:
    crowd = [row(n, n, hours=-300, vector=500) for n in range(1, 200)]
    memory.apply([*crowd, row(200, 200, hours=1, vector=500), row(201, 201, hours=2, vector=500)])
    found = memory.similar_within(unit(500)[None], [NOON], timedelta(hours=72), 0.5, 2)[0]
    assert [id_ for id_, _ in found] == [200, 201]
    assert memory.similar_within(unit(500)[None], [NOON], timedelta(minutes=1), 0.5, 2)[0] == []


def test_old_articles_leave_the_caches_and_never_the_database(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    keep = {"keep_hours": 100.0}
    with hashing_service(url, index=keep) as service:
        service.add([article(f"d{day}", f"Bulletin {day} of Kelmouth", hours=24.0 * day) for day in range(20)])
        service.save_index()
        assert service.stats().articles == 20
        assert service.stats().embeddings == 20
        assert service.stats().indexed == 5
        assert_store_is_consistent(service.store, articles=20)
    with hashing_service(url, index=keep) as service:
        assert service.stats().indexed == 5
        # An identical text is found through SQL whatever its age; the window keeps them apart.
        (again,) = service.add([article("again", "Bulletin 2 of Kelmouth", source="Courier", hours=49)])
        assert again.outcome == "joined"


def test_a_service_that_is_never_closed_does_not_keep_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dedup.memory.SWEEP_SECONDS", 0.0)
    with hashing_service(f"sqlite:///{tmp_path}/news.sqlite3", index={"keep_hours": 100.0}) as service:
        for day in range(60):
            service.add([article(f"d{day}", f"Bulletin {day} of Kelmouth", hours=24.0 * day)])
        assert service.stats().indexed <= 6
        assert service.stats().articles == 60


def test_a_saved_index_is_taken_as_it_is(stored: str, caplog: pytest.LogCaptureFixture) -> None:
    before = (index_folder(stored) / "manifest.json").read_bytes()
    with reopened_whole(stored, caplog):
        assert "rebuilt" not in caplog.text
        assert (index_folder(stored) / "manifest.json").read_bytes() == before


def damage_missing(folder: Path) -> None:
    shutil.rmtree(folder)


def damage_flipped_bit(folder: Path) -> None:
    (data,) = (path for path in folder.iterdir() if path.name != "manifest.json" and path.stat().st_size > 1000)
    content = bytearray(data.read_bytes())
    content[len(content) // 2] ^= 1
    data.write_bytes(content)


def damage_cut_short(folder: Path) -> None:
    (data,) = (path for path in folder.iterdir() if path.name != "manifest.json" and path.stat().st_size > 1000)
    data.write_bytes(data.read_bytes()[:-7])


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{not json")


def damage_ahead(folder: Path) -> None:
    """A watermark beyond SQL: the database was put back from a backup."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["watermark"] = 10_000
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage", [damage_missing, damage_flipped_bit, damage_cut_short, damage_manifest, damage_ahead]
)
def test_case_69_a_damaged_index_is_rebuilt_from_sql_and_saved(
    stored: str, damage: object, caplog: pytest.LogCaptureFixture
) -> None:
    damage(index_folder(stored))  # type: ignore[operator]
    with reopened_whole(stored, caplog) as service:
        assert "index rebuilt from the database" in caplog.text
        assert service.stats().indexed > 20
        assert {placed.outcome for placed in service.add(invented_news(60))} == {"known"}
    caplog.clear()
    with reopened_whole(stored, caplog):
        assert "rebuilt" not in caplog.text


def test_case_69_the_index_of_another_model_is_rebuilt(stored: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="dedup")
    with hashing_service(stored, salt="other") as service:
        assert "index rebuilt from the database" in caplog.text
        assert_index_is_caught_up(service)


def test_the_index_beside_a_database_that_was_replaced_is_not_taken_for_its_own(
    stored: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = f"sqlite:///{tmp_path}/other.sqlite3"
    with hashing_service(other) as service:
        service.add(invented_news(90, seed=99))
    database = Path(stored.removeprefix("sqlite:///"))
    for leftover in tmp_path.glob("news.sqlite3-*"):
        leftover.unlink()
    (tmp_path / "other.sqlite3").replace(database)
    with reopened_whole(stored, caplog) as service:
        assert "index rebuilt from the database" in caplog.text
        assert service.stats().articles == 90


def test_an_index_behind_sql_is_caught_up_without_a_rebuild(stored: str, caplog: pytest.LogCaptureFixture) -> None:
    with hashing_service(stored) as service:
        service.add([article("late", *TRAM), article("n3", "An edit of a stored article", "All of it is new.")])
    with reopened_whole(stored, caplog) as service:
        assert "rebuilt" not in caplog.text
        assert service.similar(title=TRAM[0], text=TRAM[1])[0].article.title == TRAM[0]


def test_vectors_that_an_index_lacks_below_its_watermark_are_added(
    stored: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Stored by a process with another model, embedded by this one only after its index was saved."""
    with hashing_service(stored) as service, service.store.reading() as session:
        space = service._space
        some = sorted(session.scalars(select(EmbeddingRow.article_id)))[:7]
        saved = load_index(service.index_folder, artifact=service._owner, dimension=HashingEncoder.dimension)
        saved.index.remove(np.array(some, dtype=np.int64))
        saved.index.save(service.index_folder, saved.watermark)
    with reopened_whole(stored, caplog) as service:
        assert service._space == space
        assert "rebuilt" not in caplog.text


def test_vectors_that_sql_does_not_have_leave_the_index(stored: str, caplog: pytest.LogCaptureFixture) -> None:
    with hashing_service(stored) as service, service.store.locked() as session:
        some = sorted(session.scalars(select(EmbeddingRow.article_id)))[:3]
        session.execute(delete(EmbeddingRow).where(EmbeddingRow.article_id.in_(some)))
    with reopened_whole(stored, caplog) as service, service.store.reading() as session:
        assert session.scalar(select(ArticleRow.id).where(ArticleRow.id == some[0])) == some[0]


def test_rebuilding_by_hand_makes_the_same_index(stored: str) -> None:
    with hashing_service(stored) as service:
        before = service._memory.index.ids().tolist()
        assert service.rebuild_index().indexed == len(before)
        assert service._memory.index.ids().tolist() == before
        assert_index_is_caught_up(service)


def test_an_index_that_cannot_be_saved_is_a_warning_not_a_failure(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    from dedup._errors import StoreUnavailable

    blocked = tmp_path / "file"
    blocked.write_text("a file where the folder should be")
    url = f"sqlite:///{tmp_path}/news.sqlite3"
    with hashing_service(url, index={"folder": str(blocked)}) as service:
        service.add(invented_news(10))
        service.save_index()
        assert "will be rebuilt" in caplog.text
        with pytest.raises(StoreUnavailable, match="cannot write the index"):
            service.rebuild_index()
        assert service.stats().articles == 10


def test_vectors_survive_float16_as_unit_vectors() -> None:
    vector = unit(4)
    back = unpack(pack(vector))
    assert back.dtype == np.float32
    assert abs(float(np.linalg.norm(back)) - 1) < 1e-6
    assert float(vector @ back) > 0.99999
    assert not unpack(np.zeros(8, "<f2").tobytes()).any()
