"""The room's face: what it exports and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import dedup_index


def test_the_public_names_are_these() -> None:
    assert set(dedup_index.__all__) == {
        *("FlatIndex", "Neighbour", "Neighbours", "SavedIndex", "UNIT_TOLERANCE", "VectorIndex"),
        *("load_index", "neighbours_above", "neighbours_above_each"),
        *("VectorIndexError", "IndexInputError", "BadIds", "BadVectors", "DuplicateIds"),
        *("SavedIndexError", "IndexMissing", "IndexCorrupt", "IndexForeign"),
    }


def test_the_tree_of_errors_is_the_one_its_module_draws() -> None:
    def tree(error: type[BaseException]) -> dict[str, object]:
        return {child.__name__: tree(child) for child in error.__subclasses__()}

    assert tree(dedup_index.VectorIndexError) == {
        "IndexInputError": {"BadIds": {}, "BadVectors": {}, "DuplicateIds": {}},
        "SavedIndexError": {"IndexMissing": {}, "IndexCorrupt": {}, "IndexForeign": {}},
    }
    assert issubclass(dedup_index.IndexInputError, ValueError)


def test_importing_the_room_does_not_import_faiss() -> None:
    script = "import sys, dedup_index; sys.exit('faiss' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
