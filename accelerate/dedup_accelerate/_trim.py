"""A checkpoint with the vocabulary of some languages only: fewer rows in the word table, the same tokens and vectors.

A piece is dropped when it has two letters or more and one of them belongs to a script that is not kept. What matches
somewhere in a text of the kept scripts consists of the text's own characters, so it is kept, with its score; neither
Unigram's best path nor WordPiece's longest match can change. Single letters of every script stay (5 % of the table),
so that a Greek letter or a Chinese name in an English text, or a whole text in another script, is cut into letters
instead of vanishing into one unknown piece.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._artifact import Trim
from ._errors import ParityTooLow, UnsupportedModel
from ._scripts import foreign_letters, scripts_of
from ._stack import encoder_path, read_json
from ._tensors import Tensors, open_tensors, row_chunks
from ._tokens import tokenizer_json

Ids = NDArray[np.int64]

_WORDS = "embeddings.word_embeddings.weight"
#: What describes the old vocabulary in another form; tokenizer.json alone is true of the new one.
_STALE = ("vocab.txt", "vocab.json", "merges.txt", "sentencepiece.bpe.model", "spiece.model", "tokenizer.model")
_WEIGHTS = ("*.safetensors", "*.safetensors.index.json", "*.bin", "*.bin.index.json", "*.h5", "*.msgpack", "*.onnx*")


def trim_vocabulary(folder: Path, target: Path, languages: Iterable[str], *, chunk_bytes: int = 64 << 20) -> Trim:
    """Copy the sentence-transformers folder `folder` to `target` with only the pieces that `languages` need.

    languages: ISO 639 codes. They choose scripts, not dictionaries: "en" and "de" keep the same pieces, and Latin is
    always kept. Memory: `chunk_bytes` and the tokenizer. The packaged texts in the kept scripts are tokenised both ways
    and the rows they use are compared bit by bit before this returns.

    Raises ValueError for an unknown language, UnsupportedModel where the tokenizer is neither Unigram nor WordPiece,
    CheckpointInvalid, ParityTooLow if a token or a row of the word table came out different (a defect of this module).
    """
    languages = tuple(dict.fromkeys(languages))
    scripts = scripts_of(languages)
    source = encoder_path(folder)
    before = json.loads(tokenizer_json(source))
    kept = kept_ids(before, frozenset(scripts))
    after = trim_tokenizer(before, kept)
    tensors = open_tensors(source)
    inside = source.relative_to(folder)
    shutil.copytree(folder, target, dirs_exist_ok=True, ignore=_ignore(source))
    encoder = target / inside
    (encoder / "tokenizer.json").write_text(json.dumps(after, ensure_ascii=False), encoding="utf-8")
    _renumber_config(encoder / "config.json", kept)
    write_rows(tensors, encoder / "model.safetensors", kept, chunk_bytes)
    texts = proof_texts(scripts)
    _prove(before, after, kept, tensors, open_tensors(encoder), texts)
    return Trim(languages, scripts, _size(before), len(kept), len(texts))


def proof_texts(scripts: Sequence[str]) -> tuple[str, ...]:
    """The packaged texts that hold letters of the given scripts only, in every language they are packaged in."""
    from ._parity import parity_texts

    lines = (files(__package__) / "data" / "scripts.txt").read_text(encoding="utf-8").splitlines()
    packaged = [line.partition("\t")[2] for line in lines if line and not line.startswith("#")]
    known = frozenset(scripts)
    return tuple(text for text in (*parity_texts(), *packaged) if not foreign_letters(text, known))


def kept_ids(tokenizer: dict[str, Any], scripts: frozenset[str]) -> Ids:
    """Ascending ids of the pieces that stay, from the content of a tokenizer.json."""
    model = tokenizer["model"]
    added = {int(token["id"]) for token in tokenizer.get("added_tokens") or ()}
    keep = set(added)
    if model["type"] == "Unigram":
        # The score of an unknown character is the lowest score of the table less 10: that piece must stay.
        lowest = min(range(len(model["vocab"])), key=lambda i: model["vocab"][i][1])
        keep |= {lowest, int(model["unk_id"] or 0)}
        keep |= {i for i, (piece, _) in enumerate(model["vocab"]) if _needed(piece.lstrip("\u2581"), scripts)}
    elif model["type"] == "WordPiece":
        prefix = model["continuing_subword_prefix"]
        keep |= {i for piece, i in model["vocab"].items() if _needed(piece.removeprefix(prefix), scripts)}
        keep.add(model["vocab"][model["unk_token"]])
    else:
        raise UnsupportedModel(
            f"a {model['type']} tokenizer cannot be trimmed, only Unigram and WordPiece: leave `languages` out."
        )
    return np.array(sorted(keep), np.int64)


def _needed(piece: str, scripts: frozenset[str]) -> bool:
    return len(piece) < 2 or not foreign_letters(piece, scripts)


def trim_tokenizer(tokenizer: dict[str, Any], kept: Ids) -> dict[str, Any]:
    """The content of tokenizer.json with the pieces at `kept` only, renumbered 0, 1, 2, … in the old order."""
    new = {int(old): position for position, old in enumerate(kept)}
    model = dict(tokenizer["model"])
    if model["type"] == "Unigram":
        model["vocab"] = [model["vocab"][i] for i in kept if i < len(model["vocab"])]
        model["unk_id"] = new[int(model["unk_id"] or 0)]
    else:
        model["vocab"] = {piece: new[i] for piece, i in model["vocab"].items() if i in new}
    added = [{**token, "id": new[int(token["id"])]} for token in tokenizer.get("added_tokens") or ()]
    return {
        **tokenizer,
        "model": model,
        "added_tokens": added,
        "post_processor": _renumber_processor(tokenizer.get("post_processor"), new),
    }


def _renumber_processor(processor: Any, new: dict[int, int]) -> Any:
    """Ids of special tokens sit in three layouts: a template's `ids`, and the pairs `sep` and `cls`."""
    if not isinstance(processor, dict):
        return processor
    changed = dict(processor)
    for name in ("sep", "cls"):
        if name in changed:
            changed[name] = [changed[name][0], new[int(changed[name][1])]]
    if "special_tokens" in changed:
        changed["special_tokens"] = {
            name: {**token, "ids": [new[int(i)] for i in token["ids"]]}
            for name, token in changed["special_tokens"].items()
        }
    if "processors" in changed:
        changed["processors"] = [_renumber_processor(inner, new) for inner in changed["processors"]]
    return changed


def _renumber_config(path: Path, kept: Ids) -> None:
    config = read_json(path)
    new = {int(old): position for position, old in enumerate(kept)}
    for key in ("pad_token_id", "bos_token_id", "eos_token_id", "sep_token_id", "cls_token_id"):
        if isinstance(config.get(key), int):
            config[key] = new.get(config[key])
    path.write_text(json.dumps({**config, "vocab_size": len(kept)}, indent=1), encoding="utf-8")


def write_rows(tensors: Tensors, path: Path, kept: Ids, chunk_bytes: int) -> None:
    """Write a safetensors file, float32, front to back in pieces; of the word table only the rows `kept`."""
    names = sorted(name for name in tensors.names() if not name.endswith("position_ids"))
    tables = [name for name in names if name == _WORDS or name.endswith(f".{_WORDS}")]
    if len(tables) != 1:
        raise UnsupportedModel(f"the weights hold {len(tables)} tensors {_WORDS!r}; to trim, one is needed.")
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name in names:
        shape = list(tensors.shape(name))
        if name == tables[0]:
            shape[0] = len(kept)
        size = 4 * int(np.prod(shape, dtype=np.int64))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [offset, offset + size]}
        offset += size
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for name in names:
            begin = 0
            for chunk in row_chunks(tensors, name, chunk_bytes):
                if name == tables[0]:
                    inside = kept[(kept >= begin) & (kept < begin + len(chunk))] - begin
                    begin += len(chunk)
                    chunk = chunk[inside]
                stream.write(np.ascontiguousarray(chunk).data)


def _prove(
    before: dict[str, Any], after: dict[str, Any], kept: Ids, old: Tensors, new: Tensors, texts: Sequence[str]
) -> None:
    from tokenizers import Tokenizer

    one: Any = Tokenizer.from_str(json.dumps(before))
    other: Any = Tokenizer.from_str(json.dumps(after))
    used: set[int] = set()
    for text, cut, cut_after in zip(texts, one.encode_batch(texts), other.encode_batch(texts), strict=True):
        if cut.tokens != cut_after.tokens or cut.ids != kept[cut_after.ids].tolist():
            raise ParityTooLow(f"the trimmed vocabulary cuts {text[:60]!r} into other pieces; keep the whole one.")
        used.update(cut_after.ids)
    name = next(name for name in old.names() if name == _WORDS or name.endswith(f".{_WORDS}"))
    for row in sorted(used):
        whole = int(kept[row])
        if not np.array_equal(old.rows(name, whole, whole + 1), new.rows(name, row, row + 1)):
            raise ParityTooLow(f"row {whole} of the word table changed when the vocabulary was trimmed.")


def _size(tokenizer: dict[str, Any]) -> int:
    added = {int(token["id"]) for token in tokenizer.get("added_tokens") or ()}
    return len(added | set(range(len(tokenizer["model"]["vocab"]))))


def _ignore(encoder: Path) -> Any:
    """What the copy leaves out: the encoder's weights and old vocabulary files; other modules keep theirs."""
    weights = shutil.ignore_patterns(*_WEIGHTS, *_STALE, ".*", "onnx", "openvino")
    others = shutil.ignore_patterns(".*", "*.h5", "*.msgpack", "onnx", "openvino")

    def ignore(folder: str, names: list[str]) -> set[str]:
        return set((weights if Path(folder) == encoder else others)(folder, names))

    return ignore
