"""Limits and floors of this room, each with its unit in its name; the service maps config.toml onto them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

#: `progress(stage, done, total)`; `total` 0 means "not known". Called from the thread that builds or encodes.
Progress: TypeAlias = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """The progress receiver that ignores everything."""


@dataclass(frozen=True, slots=True)
class ParityFloor:
    """What a quantised artifact must reach against its own fp32 graph on the packaged sentences.

    A per-channel int8 BERT reaches a mean cosine of 0.99; one that misses these values is broken, not merely rounded.
    """

    min_mean_cosine: float = 0.98
    min_cosine: float = 0.95
    max_pairwise_shift: float = 0.08


@dataclass(frozen=True, slots=True)
class BuildSettings:
    """How `prepare` behaves.

    hub_timeout_seconds: the longest wait for the model hub's first answer, name resolution included.
    lock_timeout_seconds: the longest wait for another process that builds the same model.
    write_chunk_bytes: weights are converted and written in pieces of this size, which bounds the memory of a build.
    """

    hub_timeout_seconds: float = 10.0
    lock_timeout_seconds: float = 1800.0
    write_chunk_bytes: int = 64 << 20
    floor: ParityFloor = field(default_factory=ParityFloor)
