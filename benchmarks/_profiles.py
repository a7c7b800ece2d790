"""Our side of the comparison: which profiles this machine has, and their artifacts, by the public API alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from _engines import Engine

#: Random weights amplify rounding more than trained ones do, so their artifacts are held to no floor of parity.
NO_FLOOR = {"min_mean_cosine": 0.0, "min_cosine": -1.0, "max_pairwise_shift": 2.0}


def ours() -> tuple[Engine, ...]:
    """The profiles that this CPU can run."""
    return tuple(
        Engine(f"ours-{name}", f"news-dedup, {name}", "ours", "ours", options={"profile": name})
        for name in ("int8", "fp32")
    )


def prepare_profile(job: dict[str, Any], progress: Callable[[str, int, int], None]) -> Any:
    """`prepare` for one profile. job: model, cache, profile, rebuild, random_weights."""
    from dedup_accelerate import BuildSettings, ParityFloor, prepare

    settings = BuildSettings(floor=ParityFloor(**NO_FLOOR)) if job["random_weights"] else BuildSettings()
    return prepare(
        job["model"],
        precision=job["profile"],
        cache=Path(job["cache"]),
        rebuild=bool(job.get("rebuild")),
        settings=settings,
        progress=progress,
    )
