"""What a sentence-transformers folder says about itself: encoder shape, pooling, dense heads, limits."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ._errors import CheckpointInvalid, UnsupportedModel

ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu")
_POOLINGS = {"cls": "cls", "mean": "mean"}
_DENSE_ACTIVATIONS = {"Tanh": "tanh", "Identity": "identity"}
_WAY_OUT = "Install news-dedup[export] and use method='optimum' for this model."


@dataclass(frozen=True, slots=True)
class BertShape:
    """Sizes of a BERT encoder, as its config.json gives them."""

    hidden: int
    layers: int
    heads: int
    intermediate: int
    vocabulary: int
    positions: int
    epsilon: float
    activation: str


@dataclass(frozen=True, slots=True)
class DenseHead:
    """One Dense module behind the pooling: `activation(W x + b)`."""

    folder: Path
    inputs: int
    outputs: int
    bias: bool
    activation: str


@dataclass(frozen=True, slots=True)
class Stack:
    """Encoder → pooling → dense heads → L2. `max_tokens` and `prefix` are the checkpoint's own."""

    encoder_folder: Path
    shape: BertShape
    pooling: str
    heads: tuple[DenseHead, ...]
    max_tokens: int
    prefix: str

    @property
    def dimension(self) -> int:
        return self.heads[-1].outputs if self.heads else self.shape.hidden


def read_json(path: Path) -> Any:
    """The parsed file, or CheckpointInvalid naming it."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CheckpointInvalid(
            f"{path.parent} has no {path.name}; a sentence-transformers folder has modules.json beside config.json, "
            "a tokenizer and the weights. Save it again with SentenceTransformer.save()."
        ) from None
    except (OSError, ValueError) as error:
        raise CheckpointInvalid(f"{path} cannot be read: {error}. Fetch the checkpoint again.") from error


def read_stack(folder: Path) -> Stack:
    """Read modules.json and what it points to.

    Raises UnsupportedModel when the direct writer cannot write it, CheckpointInvalid when the files contradict.
    """
    modules = [(str(module["type"]).rsplit(".", 1)[-1], str(module["path"])) for module in _modules(folder)]
    kinds = [kind for kind, _ in modules]
    if kinds[:2] != ["Transformer", "Pooling"] or any(kind not in ("Dense", "Normalize") for kind in kinds[2:]):
        raise UnsupportedModel(
            f"{folder}: the module stack {' → '.join(kinds)} is not one the writer knows. {_WAY_OUT}"
        )
    encoder_folder = folder / modules[0][1]
    shape = _shape(encoder_folder)
    heads = []
    width = shape.hidden
    for position, (kind, path) in enumerate(modules[2:], start=2):
        if kind == "Normalize":
            if "Dense" in kinds[position:]:
                raise UnsupportedModel(
                    f"{folder}: a Dense layer behind Normalize is not one the writer knows. {_WAY_OUT}"
                )
            continue
        head = _dense(folder / path)
        if head.inputs != width:
            raise CheckpointInvalid(f"{head.folder}: takes {head.inputs} values, the layer before gives {width}.")
        heads.append(head)
        width = head.outputs
    return Stack(
        encoder_folder=encoder_folder,
        shape=shape,
        pooling=_pooling(folder / modules[1][1]),
        heads=tuple(heads),
        max_tokens=declared_max_tokens(encoder_folder, shape.positions),
        prefix=declared_prefix(folder),
    )


def declared_max_tokens(encoder_folder: Path, positions: int) -> int:
    """Where sentence-transformers would cut: `max_seq_length`, or (since version 5) the tokenizer's own limit.

    Never more than the position table has rows.
    """
    for name, key in (("sentence_bert_config.json", "max_seq_length"), ("tokenizer_config.json", "model_max_length")):
        path = encoder_folder / name
        declared = read_json(path).get(key) if path.is_file() else None
        if declared:
            return min(int(declared), positions)
    return positions


def encoder_path(folder: Path) -> Path:
    """Where the first module, the encoder with its tokenizer, lies."""
    return folder / str(_modules(folder)[0]["path"])


def declared_prefix(folder: Path) -> str:
    """The prompt that sentence-transformers itself would put before a text by default."""
    path = folder / "config_sentence_transformers.json"
    if not path.is_file():
        return ""
    settings = read_json(path)
    return str((settings.get("prompts") or {}).get(settings.get("default_prompt_name")) or "")


def declared_pooling(folder: Path) -> str:
    """Name of the folder's pooling, "unknown" where it is not one of the plain ones (the graph holds it anyway)."""
    try:
        paths = [str(module["path"]) for module in _modules(folder) if str(module["type"]).endswith("Pooling")]
        return _pooling(folder / paths[0]) if paths else "unknown"
    except UnsupportedModel:
        return "unknown"


def _modules(folder: Path) -> list[dict[str, Any]]:
    modules = read_json(folder / "modules.json")
    if not isinstance(modules, list) or not modules:
        raise CheckpointInvalid(f"{folder / 'modules.json'} lists no modules.")
    return sorted(modules, key=lambda module: int(module["idx"]))


def _shape(folder: Path) -> BertShape:
    config = read_json(folder / "config.json")
    kind = config.get("model_type")
    positions = config.get("position_embedding_type", "absolute")
    activation = config.get("hidden_act", "gelu")
    if kind != "bert" or positions != "absolute" or activation not in ACTIVATIONS:
        raise UnsupportedModel(
            f"{folder}: model_type {kind!r} with {positions!r} positions and {activation!r} is not one the writer "
            f"knows (bert, absolute, {'/'.join(ACTIVATIONS)}). {_WAY_OUT}"
        )
    try:
        shape = BertShape(
            hidden=int(config["hidden_size"]),
            layers=int(config["num_hidden_layers"]),
            heads=int(config["num_attention_heads"]),
            intermediate=int(config["intermediate_size"]),
            vocabulary=int(config["vocab_size"]),
            positions=int(config["max_position_embeddings"]),
            epsilon=float(config.get("layer_norm_eps", 1e-12)),
            activation=activation,
        )
    except KeyError as error:
        raise CheckpointInvalid(f"{folder / 'config.json'} does not say {error.args[0]!r}.") from None
    if shape.hidden % shape.heads:
        raise CheckpointInvalid(
            f"{folder / 'config.json'}: {shape.hidden} values do not split over {shape.heads} heads."
        )
    return shape


def _pooling(folder: Path) -> str:
    config = read_json(folder / "config.json")
    if isinstance(config.get("pooling_mode"), str):
        modes = [config["pooling_mode"]]
    else:
        names = {"pooling_mode_cls_token": "cls", "pooling_mode_mean_tokens": "mean"}
        modes = [
            names.get(key, key) for key, value in config.items() if key.startswith("pooling_mode_") and value is True
        ]
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise UnsupportedModel(f"{folder}: pooling {'+'.join(modes) or 'none'} is not cls or mean. {_WAY_OUT}")
    return _POOLINGS[modes[0]]


def _dense(folder: Path) -> DenseHead:
    config = read_json(folder / "config.json")
    name = str(config.get("activation_function", "")).rsplit(".", 1)[-1]
    wires = {config.get(f"module_{end}_name", "sentence_embedding") for end in ("input", "output")}
    if wires != {"sentence_embedding"}:
        raise UnsupportedModel(f"{folder}: works on {', '.join(sorted(wires))}, not on the embedding. {_WAY_OUT}")
    if name not in _DENSE_ACTIVATIONS:
        raise UnsupportedModel(f"{folder}: activation {name!r} is not Tanh or Identity. {_WAY_OUT}")
    return DenseHead(
        folder=folder,
        inputs=int(config["in_features"]),
        outputs=int(config["out_features"]),
        bias=bool(config.get("bias", True)),
        activation=_DENSE_ACTIVATIONS[name],
    )
