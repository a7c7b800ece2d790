"""Artifacts: complete or absent, the same bytes every time, and never trusted without their checksums."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from dedup_accelerate import (
    PROFILES,
    ArtifactCorrupt,
    ArtifactNotFound,
    ArtifactTooNew,
    Contract,
    find_artifacts,
    load_artifact,
    prepare,
    prepared,
)
from dedup_accelerate._artifact import fingerprint

BUILD = """
import os, signal, sys
from dedup_accelerate import BuildSettings, ParityFloor, prepare
floor = ParityFloor(min_mean_cosine=0.9, min_cosine=0.8, max_pairwise_shift=0.3)
def progress(stage, done, total):
    if stage == sys.argv[3]:
        os.kill(os.getpid(), signal.SIGKILL)
print(prepare(sys.argv[1], cache=sys.argv[2], settings=BuildSettings(floor=floor), progress=progress).fingerprint)
"""


def build(folder: Path, cache: Path, die_at: str = "never") -> subprocess.Popen[str]:
    command = [sys.executable, "-c", BUILD, str(folder), str(cache), die_at]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def visible(cache: Path) -> list[str]:
    return sorted(path.name for path in cache.iterdir() if not path.name.startswith("."))


def test_a_second_prepare_returns_the_cached_artifact(checkpoints, tmp_path, lenient):
    stages: list[str] = []
    first = prepare(str(checkpoints("labse")), cache=tmp_path, settings=lenient)
    second = prepare(str(checkpoints("labse")), cache=tmp_path, progress=lambda stage, *_: stages.append(stage))
    assert second == first
    assert stages == []
    assert find_artifacts(tmp_path) == (first,)


def test_equal_inputs_give_equal_bytes(checkpoints, tmp_path, lenient):
    one = prepare(str(checkpoints("labse")), cache=tmp_path / "one", settings=lenient)
    copy = shutil.copytree(checkpoints("labse"), tmp_path / "elsewhere")
    small_pieces = replace(lenient, write_chunk_bytes=1000)
    other = prepare(str(copy), cache=tmp_path / "other", settings=small_pieces)
    assert other.fingerprint == one.fingerprint
    for name in one.manifest.files:
        assert (one.path / name).read_bytes() == (other.path / name).read_bytes()


def test_the_fingerprint_follows_the_contract_and_not_the_clock(tiny):
    files, contract = tiny.manifest.files, tiny.manifest.contract
    assert (
        replace(tiny, manifest=replace(tiny.manifest, built_at="2001-01-01", tools={})).fingerprint == tiny.fingerprint
    )
    changed: list[Contract] = [
        replace(contract, prefix="query: "),
        replace(contract, max_tokens=9),
        replace(contract, pooling="mean"),
    ]
    assert len({tiny.fingerprint, *(fingerprint(files, other) for other in changed)}) == 4


def test_the_manifest_says_what_was_done(tiny):
    content = json.loads((tiny.path / "manifest.json").read_text())
    assert content["fingerprint"] == tiny.fingerprint
    assert content["schema"] == 1
    assert content["contract"] == {
        "prefix": "",
        "max_tokens": 48,
        "pooling": "cls",
        "dimension": 40,
        "precision": "int8",
        "engine": "onnxruntime",
        "arithmetic": "fp32",
    }
    assert set(content["files"]) == {"model.onnx", "model.onnx.data", "tokenizer.json"}
    assert {"onnx", "onnxruntime", "tokenizers", "news-dedup"} <= set(content["tools"])
    assert [step["name"] for step in content["steps"]][:2] == ["fetch", "tokenizer"]
    assert 0.9 < content["parity"]["min_cosine"] <= content["parity"]["mean_cosine"] <= 1
    assert len(content["revision"]) == 64


def test_an_edited_folder_is_built_anew(checkpoints, tmp_path, lenient):
    from safetensors.numpy import load_file, save_file

    copy = shutil.copytree(checkpoints("labse"), tmp_path / "copy")
    before = prepare(str(copy), cache=tmp_path / "cache", settings=lenient)
    weights = load_file(copy / "model.safetensors")
    weights["encoder.layer.0.output.dense.bias"] += 1
    save_file(weights, copy / "model.safetensors")
    after = prepare(str(copy), cache=tmp_path / "cache", settings=lenient)
    assert after.fingerprint != before.fingerprint
    assert len(find_artifacts(tmp_path / "cache")) == 2


@pytest.mark.parametrize("stage", ["tokenizer", "write", "parity", "checksum"])
def test_a_killed_build_leaves_no_artifact_and_the_next_one_succeeds(stage, checkpoints, tmp_path, lenient):
    process = build(checkpoints("labse"), tmp_path, die_at=stage)
    process.communicate()
    assert process.returncode == -9
    assert find_artifacts(tmp_path) == ()
    assert visible(tmp_path) == []
    artifact = prepare(str(checkpoints("labse")), cache=tmp_path, settings=lenient)
    assert load_artifact(artifact.path) == artifact
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".building")] == []


def test_a_failing_build_cleans_up_after_itself(checkpoints, tmp_path, lenient):
    def stop(stage: str, done: int, total: int) -> None:
        if stage == "parity":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(str(checkpoints("labse")), cache=tmp_path, settings=lenient, progress=stop)
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".lock")] == []


def test_builders_of_one_model_take_turns(checkpoints, tmp_path):
    processes = [build(checkpoints("labse"), tmp_path) for _ in range(3)]
    outputs = [process.communicate()[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0]
    assert len(set(outputs)) == 1
    assert len(visible(tmp_path)) == 1


@pytest.mark.parametrize("name", ["model.onnx", "model.onnx.data", "tokenizer.json"])
@pytest.mark.parametrize("damage", ["one bit", "cut", "gone"])
def test_damage_is_found_and_the_file_named(name, damage, tiny, tmp_path):
    copy = shutil.copytree(tiny.path, tmp_path / "copy")
    content = bytearray((copy / name).read_bytes())
    if damage == "one bit":
        content[len(content) // 2] ^= 1
        (copy / name).write_bytes(content)
        os.utime(copy / name, ns=(0, 0))
    elif damage == "cut":
        (copy / name).write_bytes(content[:-1])
    else:
        (copy / name).unlink()
    with pytest.raises(ArtifactCorrupt, match=rf"{name} .*prepare the model again"):
        load_artifact(copy)


def test_a_damaged_artifact_in_the_cache_is_reported_and_a_rebuild_heals_it(checkpoints, tmp_path, lenient):
    artifact = prepare(str(checkpoints("labse")), cache=tmp_path, settings=lenient)
    with (artifact.path / "model.onnx.data").open("r+b") as stream:
        stream.write(b"\xff" * 64)
    with pytest.raises(ArtifactCorrupt, match=r"model\.onnx\.data"):
        prepare(str(checkpoints("labse")), cache=tmp_path, settings=lenient)
    healed = prepare(str(checkpoints("labse")), cache=tmp_path, settings=lenient, rebuild=True)
    assert load_artifact(healed.path).fingerprint == artifact.fingerprint
    assert visible(tmp_path) == [artifact.path.name]


@pytest.mark.parametrize(
    ("edit", "error"),
    [
        ({"schema": 99}, ArtifactTooNew),
        ({"contract": None}, ArtifactCorrupt),
        (
            {"contract": {"prefix": "x", "max_tokens": 48, "pooling": "cls", "dimension": 40, "precision": "int8"}},
            ArtifactCorrupt,
        ),
        ({"files": {}}, ArtifactCorrupt),
    ],
)
def test_a_manifest_that_was_tampered_with_is_refused(edit, error, tiny, tmp_path):
    copy = shutil.copytree(tiny.path, tmp_path / "copy")
    content = json.loads((copy / "manifest.json").read_text())
    (copy / "manifest.json").write_text(json.dumps(content | edit))
    with pytest.raises(error):
        load_artifact(copy)


def test_a_folder_without_a_manifest_is_no_artifact(tmp_path):
    with pytest.raises(ArtifactNotFound, match="prepare"):
        load_artifact(tmp_path)
    assert find_artifacts(tmp_path / "absent") == ()


def test_an_artifact_of_another_recipe_is_built_anew_and_not_taken_for_what_is_prepared(checkpoints, tmp_path, lenient):
    name, profile = str(checkpoints("minilm")), PROFILES["cpu-int8"]
    assert prepared(name, profile=profile, cache=tmp_path) is None
    first = prepare(name, profile=profile, cache=tmp_path, settings=lenient)
    assert prepared(name, profile=profile, cache=tmp_path) == first
    assert prepared(name, profile=PROFILES["cpu-fp32"], cache=tmp_path) is None
    manifest = first.path / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text(encoding="utf-8")) | {"recipe": 1}), encoding="utf-8")
    assert prepared(name, profile=profile, cache=tmp_path) is None
    again = prepare(name, profile=profile, cache=tmp_path, settings=lenient)
    assert again.manifest.recipe > 1
    assert prepared(name, profile=profile, cache=tmp_path) == again
