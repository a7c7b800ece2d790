"""What a saved index survives: kill -9 at every step, flipped bits, foreign makers, a full disk, two writers."""

from __future__ import annotations

import hashlib
import json
import signal
import subprocess
import sys
import textwrap
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dedup_index import (
    FlatIndex,
    IndexCorrupt,
    IndexForeign,
    IndexInputError,
    IndexMissing,
    SavedIndexError,
    load_index,
)

DIMENSION = 16


def unit_rows(count: int, seed: int = 0) -> np.ndarray:
    rows = np.random.default_rng(seed).standard_normal((count, DIMENSION)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def filled(count: int, artifact: str = "a") -> FlatIndex:
    index = FlatIndex(DIMENSION, artifact)
    index.add(np.arange(count) * 10, unit_rows(count))
    return index


def load(folder: Path) -> tuple[int, int]:
    saved = load_index(folder, artifact="a", dimension=DIMENSION)
    return saved.watermark, len(saved.index)


def data_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("index-*.bin"))


def reseal(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Rewrite the manifest as a program that computes the checksum right, but writes other fields, would."""
    path = folder / "manifest.json"
    fields = json.loads(path.read_text())
    del fields["checksum"]
    change(fields)
    canonical = json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()
    path.write_text(json.dumps({**fields, "checksum": hashlib.sha256(canonical).hexdigest()}))


@pytest.mark.parametrize("count", [0, 1, 500])
def test_a_loaded_index_answers_like_the_saved_one_and_goes_on_living(tmp_path: Path, count: int) -> None:
    index = filled(count)
    index.save(tmp_path / "new" / "folder", watermark=77)
    saved = load_index(tmp_path / "new" / "folder", artifact="a", dimension=DIMENSION)
    queries = unit_rows(4, seed=3)
    assert saved.watermark == 77
    assert saved.index.ids().tolist() == index.ids().tolist()
    before, after = index.search(queries, 7), saved.index.search(queries, 7)
    np.testing.assert_array_equal(before.ids, after.ids)
    np.testing.assert_array_equal(before.scores, after.scores)
    saved.index.replace(np.array([0, 5]), unit_rows(2, seed=4))
    assert saved.index.remove(np.array([0, 5])) == 2


def test_the_manifest_tells_what_was_saved(tmp_path: Path) -> None:
    filled(5, artifact="отпечаток").save(tmp_path, watermark=9)
    manifest = json.loads((tmp_path / "manifest.json").read_text(encoding="utf-8"))
    (data,) = data_files(tmp_path)
    assert manifest.pop("checksum")
    assert manifest == {
        "schema": 1,
        "engine": "faiss-flat-ip",
        "artifact": "отпечаток",
        "dimension": DIMENSION,
        "count": 5,
        "watermark": 9,
        "sha256": hashlib.sha256(data.read_bytes()).hexdigest(),
        "bytes": data.stat().st_size,
    }


def test_saving_again_leaves_one_data_file_and_no_leftovers_of_a_killed_save(tmp_path: Path) -> None:
    filled(5).save(tmp_path, watermark=1)
    (tmp_path / ".writing-orphan").write_bytes(b"half")
    (tmp_path / "notes.txt").write_text("not ours")
    filled(6).save(tmp_path, watermark=2)
    assert load(tmp_path) == (2, 6)
    assert len(data_files(tmp_path)) == 1
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith("index-")) == [
        ".lock",
        "manifest.json",
        "notes.txt",
    ]


def test_saving_the_same_content_mends_a_spoiled_file(tmp_path: Path) -> None:
    index = filled(5)
    index.save(tmp_path, watermark=1)
    data_files(tmp_path)[0].write_bytes(b"spoiled")
    index.save(tmp_path, watermark=1)
    assert load(tmp_path) == (1, 5)


def test_a_negative_watermark_is_refused(tmp_path: Path) -> None:
    with pytest.raises(IndexInputError, match="watermark"):
        filled(1).save(tmp_path, watermark=-1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["nothing", "folder/nothing", "file"])
def test_a_folder_without_a_saved_index_is_missing(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("a plain file")
    with pytest.raises(IndexMissing, match="build it from SQL"):
        load(tmp_path / place)


@pytest.mark.parametrize("position", ["first", "middle", "last"])
@pytest.mark.parametrize("bit", [0, 5, 7])
def test_one_flipped_bit_in_the_vectors_is_noticed(tmp_path: Path, position: str, bit: int) -> None:
    filled(50).save(tmp_path, watermark=1)
    (path,) = data_files(tmp_path)
    data = bytearray(path.read_bytes())
    data[{"first": 0, "middle": len(data) // 2, "last": len(data) - 1}[position]] ^= 1 << bit
    path.write_bytes(data)
    with pytest.raises(IndexCorrupt, match="SHA-256"):
        load(tmp_path)


def test_one_flipped_bit_anywhere_in_the_manifest_is_noticed_or_harmless(tmp_path: Path) -> None:
    filled(3).save(tmp_path, watermark=4)
    path = tmp_path / "manifest.json"
    original = path.read_bytes()
    noticed = 0
    for position in range(len(original)):
        for bit in range(8):
            spoiled = bytearray(original)
            spoiled[position] ^= 1 << bit
            path.write_bytes(spoiled)
            try:
                assert load(tmp_path) == (4, 3)
            except SavedIndexError:
                noticed += 1
    assert noticed > 0.98 * 8 * len(original)


@pytest.mark.parametrize("keep", [0, 1, 200])
def test_a_data_file_cut_short_is_noticed(tmp_path: Path, keep: int) -> None:
    filled(50).save(tmp_path, watermark=1)
    (path,) = data_files(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(IndexCorrupt, match="bytes"):
        load(tmp_path)


def test_a_data_file_that_went_is_noticed(tmp_path: Path) -> None:
    filled(5).save(tmp_path, watermark=1)
    data_files(tmp_path)[0].unlink()
    with pytest.raises(IndexCorrupt, match="gone"):
        load(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"3", b"null", b'"text"', b'{"schema": 1}', b"\xff\xfe", b"[" * 9999]
)
def test_a_manifest_that_is_none_is_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(IndexCorrupt, match=r"manifest\.json"):
        load(tmp_path)


def test_data_that_matches_its_checksum_but_not_the_manifest_is_corrupt(tmp_path: Path) -> None:
    filled(5).save(tmp_path, watermark=1)
    reseal(tmp_path, lambda fields: fields.update(count=6))
    with pytest.raises(IndexCorrupt, match=r"5 vectors .* says 6"):
        load(tmp_path)


def test_bytes_that_faiss_cannot_read_are_corrupt(tmp_path: Path) -> None:
    filled(5).save(tmp_path, watermark=1)
    content = b"never an index"
    digest = hashlib.sha256(content).hexdigest()
    (tmp_path / f"index-{digest[:32]}.bin").write_bytes(content)
    reseal(tmp_path, lambda fields: fields.update(sha256=digest, bytes=len(content)))
    with pytest.raises(IndexCorrupt, match="FAISS cannot read"):
        load(tmp_path)


def test_fields_of_no_known_schema_are_corrupt(tmp_path: Path) -> None:
    filled(5).save(tmp_path, watermark=1)
    reseal(tmp_path, lambda fields: fields.update(colour="blue"))
    with pytest.raises(IndexCorrupt, match="other fields"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("artifact", "dimension", "complaint"),
    [("b", DIMENSION, "artifact 'a', wanted is 'b'"), ("a", DIMENSION + 1, "dimension 16, wanted is 17")],
)
def test_an_index_of_another_artifact_or_dimension_is_foreign(
    tmp_path: Path, artifact: str, dimension: int, complaint: str
) -> None:
    filled(5).save(tmp_path, watermark=1)
    with pytest.raises(IndexForeign, match=complaint):
        load_index(tmp_path, artifact=artifact, dimension=dimension)
    assert load(tmp_path) == (1, 5)


@pytest.mark.parametrize(("field", "value"), [("schema", 2), ("engine", "another-engine")])
def test_a_newer_schema_and_another_engine_are_foreign(tmp_path: Path, field: str, value: object) -> None:
    filled(5).save(tmp_path, watermark=1)
    reseal(tmp_path, lambda fields: fields.update({field: value}))
    with pytest.raises(IndexForeign, match=f"{field} .*{value}"):
        load(tmp_path)


def run_script(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", textwrap.dedent(script), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


KILLED_AT_EVERY_STEP = """
    import json, os, shutil, signal, sys
    from pathlib import Path
    import numpy as np
    from dedup_index import FlatIndex, load_index

    root = Path(sys.argv[1])
    def index(count):
        made = FlatIndex(4, "a")
        made.add(np.arange(count), np.tile(np.float32([1, 0, 0, 0]), (count, 1)))
        return made
    old, new = index(3), index(8)
    old.save(root / "old", watermark=1)

    def killed_at(step, folder):
        steps_left = step
        def hook(event, arguments):
            nonlocal steps_left
            if event in ("open", "os.rename", "os.remove") and str(folder) in str(arguments[0]):
                steps_left -= 1
                if steps_left < 0:
                    os.kill(os.getpid(), signal.SIGKILL)
        child = os.fork()
        if child == 0:
            sys.addaudithook(hook)
            new.save(folder, watermark=2)
            os._exit(0)
        return os.WIFSIGNALED(os.waitpid(child, 0)[1])

    outcomes = []
    for step in range(99):
        folder = root / f"step-{step}"
        shutil.copytree(root / "old", folder)
        killed = killed_at(step, folder)
        saved = load_index(folder, artifact="a", dimension=4)
        left = [saved.watermark, len(saved.index)]
        new.save(folder, watermark=2)
        outcomes.append({"killed": killed, "left": left, "files": len(os.listdir(folder))})
        if not killed:
            break
    print(json.dumps(outcomes))
"""


def test_a_save_killed_at_any_step_leaves_the_old_index_or_the_new_one(tmp_path: Path) -> None:
    """kill -9 before every file that a save opens, renames or removes."""
    done = run_script(KILLED_AT_EVERY_STEP, tmp_path)
    assert done.returncode == 0, done.stderr
    outcomes = json.loads(done.stdout)
    assert [outcome["killed"] for outcome in outcomes] == [True] * (len(outcomes) - 1) + [False]
    # lock, data: open + rename + folder, manifest: the same, old data removed (listing it is no step of its own)
    assert len(outcomes) >= 9
    assert all(outcome["left"] in ([1, 3], [2, 8]) for outcome in outcomes)
    assert outcomes[0]["left"] == [1, 3]
    assert outcomes[-2]["left"] == outcomes[-1]["left"] == [2, 8]
    assert all(outcome["files"] == 3 for outcome in outcomes), "the next save sweeps what the killed one left"


SAVING_WITHOUT_END = """
    import sys
    from pathlib import Path
    import numpy as np
    from dedup_index import FlatIndex

    index = FlatIndex(16, "a")
    rows = np.eye(16, dtype=np.float32)
    for number in range(100_000):
        index.add(np.arange(number * 1000, number * 1000 + 1000), np.tile(rows, (63, 1))[:1000])
        index.save(Path(sys.argv[1]), watermark=number)
        print(number, flush=True)
"""


def test_kill_minus_nine_in_the_middle_of_writing_leaves_a_whole_index(tmp_path: Path) -> None:
    for saves in (1, 4, 9):
        command = [sys.executable, "-c", textwrap.dedent(SAVING_WITHOUT_END), str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
            assert child.stdout is not None
            for _ in range(saves):
                reported = int(child.stdout.readline())
            child.send_signal(signal.SIGKILL)
        watermark, count = load(tmp_path)
        assert watermark >= reported
        assert count == 1000 * (watermark + 1)


FULL_DISK = """
    import resource, signal, sys
    from pathlib import Path
    import numpy as np
    from dedup_index import FlatIndex

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    index = FlatIndex(16, "a")
    index.add(np.arange(3000), np.tile(np.eye(16, dtype=np.float32), (188, 1))[:3000])
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
    try:
        index.save(Path(sys.argv[1]), watermark=2)
    except OSError as error:
        print(type(error).__name__, error.errno)
"""


def test_a_disk_that_takes_no_more_leaves_the_old_index_and_no_half_file(tmp_path: Path) -> None:
    filled(5).save(tmp_path, watermark=1)
    before = sorted(tmp_path.iterdir())
    done = run_script(FULL_DISK, tmp_path)
    assert done.stdout.startswith("OSError"), done.stderr
    assert sorted(tmp_path.iterdir()) == before
    assert load(tmp_path) == (1, 5)


SAVED_BETWEEN_MANIFEST_AND_DATA = """
    import sys
    from pathlib import Path
    import numpy as np
    from dedup_index import FlatIndex, load_index

    folder, index, saves_left = Path(sys.argv[1]), FlatIndex(4, "a"), 3
    index.save(folder, watermark=0)

    def hook(event, arguments):
        global saves_left
        if event == "open" and "index-" in str(arguments[0]) and arguments[1] == "r" and saves_left:
            saves_left -= 1
            index.add(np.array([saves_left]), np.float32([[1, 0, 0, 0]]))
            index.save(folder, watermark=len(index))

    sys.addaudithook(hook)
    saved = load_index(folder, artifact="a", dimension=4)
    print(saved.watermark, len(saved.index))
"""


def test_a_reader_overtaken_by_saves_reads_the_newest(tmp_path: Path) -> None:
    """Three saves in a row, each swapping the data away after the reader has read its manifest."""
    done = run_script(SAVED_BETWEEN_MANIFEST_AND_DATA, tmp_path)
    assert done.stdout.split() == ["3", "3"], done.stderr


def test_readers_never_meet_a_half_done_save_of_one_of_two_writers(tmp_path: Path) -> None:
    """The count is tied to the watermark, so a mixed pair would show."""
    indexes = [filled(count) for count in (3, 4, 5, 6)]
    indexes[0].save(tmp_path, watermark=3)
    stop, trouble, seen = threading.Event(), list[BaseException](), set[tuple[int, int]]()

    def write(turn: int) -> None:
        try:
            for step in range(25):
                index = indexes[(step + turn) % 4]
                index.save(tmp_path, watermark=len(index))
        except BaseException as error:
            trouble.append(error)

    def read() -> None:
        try:
            while not stop.is_set():
                seen.add(load(tmp_path))
        except BaseException as error:
            trouble.append(error)

    writers = [threading.Thread(target=write, args=(turn,)) for turn in range(2)]
    reader = threading.Thread(target=read)
    for thread in (*writers, reader):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert trouble == []
    assert seen <= {(3, 3), (4, 4), (5, 5), (6, 6)}
    assert load(tmp_path) in seen | {(6, 6), (5, 5), (4, 4), (3, 3)}
    assert len(data_files(tmp_path)) == 1
