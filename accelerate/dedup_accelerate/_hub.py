"""Checkpoints from a model hub, with a first answer within a fixed time and only the files that are needed."""

from __future__ import annotations

import os
import queue
import re
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ._errors import ModelUnavailable
from ._settings import Progress

_NAMES = frozenset(
    (
        "config.json",
        "config_sentence_transformers.json",
        "merges.txt",
        "modules.json",
        "sentence_bert_config.json",
        "sentencepiece.bpe.model",
        "special_tokens_map.json",
        "spiece.model",
        "tokenizer.json",
        "tokenizer.model",
        "tokenizer_config.json",
        "vocab.json",
        "vocab.txt",
    )
)
_MODULE_FOLDER = re.compile(r"\d+_\w+")
_SAFE = re.compile(r"model(-\d+-of-\d+)?\.safetensors(\.index\.json)?")
_TORCH = re.compile(r"pytorch_model(-\d+-of-\d+)?\.bin(\.index\.json)?")

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class HubFiles:
    """A repository at one commit: the files to fetch with sizes. `local` is set when only a cached copy exists."""

    repository: str
    revision: str
    commit: str
    files: tuple[tuple[str, int], ...]
    local: Path | None = None


def endpoint() -> str:
    """$HF_ENDPOINT (a mirror), or the public hub."""
    return (os.environ.get("HF_ENDPOINT") or "https://huggingface.co").rstrip("/")


def wanted_files(names: Iterable[str]) -> tuple[str, ...]:
    """Which files of a repository a sentence encoder needs: configuration, tokenizer, and one form of the weights."""
    folders: dict[str, list[str]] = {}
    for name in names:
        folder, _, base = name.rpartition("/")
        if not folder or _MODULE_FOLDER.fullmatch(folder):
            folders.setdefault(folder, []).append(base)
    chosen = []
    for folder, bases in folders.items():
        weights = [base for base in bases if _SAFE.fullmatch(base)] or [
            base for base in bases if _TORCH.fullmatch(base)
        ]
        chosen += [f"{folder}/{base}" if folder else base for base in bases if base in _NAMES or base in weights]
    return tuple(sorted(chosen))


def ask_hub(repository: str, revision: str | None, model: str, timeout_seconds: float) -> HubFiles:
    """Which commit and files the hub has; a complete copy in the hub's own cache serves when the hub does not answer.

    Writes nothing. Raises ModelUnavailable within about `timeout_seconds`.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import GatedRepoError, RepositoryNotFoundError, RevisionNotFoundError

    api = HfApi(endpoint=endpoint())
    try:
        info: Any = _within(
            timeout_seconds,
            lambda: api.model_info(repository, revision=revision, files_metadata=True, timeout=timeout_seconds),
        )
    except RevisionNotFoundError as error:
        raise ModelUnavailable(f"{repository} at {endpoint()} has no revision {revision!r}.") from error
    except (RepositoryNotFoundError, GatedRepoError) as error:
        raise ModelUnavailable(
            f"{endpoint()} knows no public model {repository!r}: a wrong name, or one that needs a login "
            "(huggingface_hub reads the token from HF_TOKEN)."
        ) from error
    except Exception as error:  # requests in huggingface_hub 0.x, httpx in 1.x: neither is ours to import
        cached = _cached(api, repository, revision)
        if cached is not None:
            return cached
        raise no_hub(model, repository, _reason(error)) from error
    sizes = {sibling.rfilename: int(sibling.size or 0) for sibling in info.siblings or ()}
    files = wanted_files(sizes)
    if "modules.json" not in files:
        raise ModelUnavailable(
            f"{repository} at {endpoint()} has no modules.json: it is not a sentence-transformers model."
        )
    return HubFiles(repository, revision or "main", str(info.sha), tuple((name, sizes[name]) for name in files))


def download(source: HubFiles, model: str, timeout_seconds: float, progress: Progress) -> Path:
    """Fetch the files into the hub's own cache (which resumes broken downloads) and return their folder."""
    if source.local is not None:
        return source.local
    from huggingface_hub import HfApi

    api = HfApi(endpoint=endpoint())
    total, done = sum(size for _, size in source.files), 0
    progress("download", 0, total)
    folder = None
    for name, size in source.files:
        try:
            # Asked once by its name, the revision is noted in the hub's cache, which then serves without a hub. The
            # other files are asked by commit, so that they fit together whatever is pushed meanwhile.
            revision = source.revision if folder is None else source.commit
            path = Path(api.hf_hub_download(source.repository, name, revision=revision, etag_timeout=timeout_seconds))
        except Exception as error:
            raise ModelUnavailable(
                f"model {model!r}: the download of {name} from {endpoint()} broke off ({_reason(error)}). "
                "Run the command again: it goes on where it stopped."
            ) from error
        folder = path.parents[name.count("/")]
        done += size
        progress("download", done, total)
    if folder is None:
        raise ModelUnavailable(f"{source.repository} at {endpoint()} holds no file that is needed.")
    return folder


def no_hub(model: str, repository: str, reason: str) -> ModelUnavailable:
    """The one error of a machine without a hub: three ways out."""
    return ModelUnavailable(
        f"model {model!r} needs {repository} from {endpoint()}, which cannot be reached ({reason}). Three ways out:\n"
        f"  1. a local folder: copy the folder of {repository} to this machine and give its path as the model;\n"
        "  2. another model: 'e5-small' comes from a Python package and needs no hub;\n"
        "  3. a hub mirror: set HF_ENDPOINT=https://your-mirror and run the command again."
    )


def _cached(api: Any, repository: str, revision: str | None) -> HubFiles | None:
    """A complete copy that an earlier run left in the hub's cache, if there is one."""
    from ._stack import read_json
    from ._tensors import weight_files

    try:
        folder = Path(api.snapshot_download(repository, revision=revision, local_files_only=True))
        for module in read_json(folder / "modules.json"):
            if str(module["type"]).rsplit(".", 1)[-1] in ("Transformer", "Dense"):
                weight_files(folder / module["path"])
    except Exception:  # whatever is missing or broken, the answer is the same: no complete copy
        return None
    return HubFiles(repository, revision or "main", folder.name, (), folder)


def _within(timeout_seconds: float, call: Callable[[], Result]) -> Result:
    """Run `call` with a limit that also covers name resolution, which no socket timeout does."""
    answers: queue.Queue[tuple[Result | None, BaseException | None]] = queue.Queue(1)

    def run() -> None:
        try:
            answers.put((call(), None))
        except BaseException as error:
            answers.put((None, error))

    threading.Thread(target=run, daemon=True, name="hub-request").start()
    try:
        result, error = answers.get(timeout=timeout_seconds)
    except queue.Empty:
        raise TimeoutError(f"no answer within {timeout_seconds:g} s") from None
    if error is not None:
        raise error
    return result  # type: ignore[return-value]


def _reason(error: BaseException) -> str:
    """The innermost error in one line: "Connection refused", not the five wrappers around it."""
    while (inner := error.__cause__ or error.__context__) is not None:
        error = inner
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0][:160]}" if text else type(error).__name__
