"""Our side of the comparison: which profiles this machine has, and their artifacts, by the public API alone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from _engines import Engine

#: Random weights amplify rounding more than trained ones do, so their artifacts are held to no floor of parity.
NO_FLOOR = {"min_mean_cosine": 0.0, "min_cosine": -1.0, "max_pairwise_shift": 2.0}


def ours() -> tuple[Engine, ...]:
    """The CPU profiles that this machine can run, each in the engine that is chosen for it; then in the other one."""
    from dedup_accelerate import PROFILES, ProviderUnavailable, choose_profile, detect_hardware

    hardware = detect_hardware()
    found: dict[tuple[str, str], Engine] = {}
    for runtime in ("auto", "onnxruntime", "openvino"):
        for name in (name for name, profile in PROFILES.items() if profile.provider == "cpu"):
            try:
                chosen = choose_profile(hardware, name, runtime)
            except ProviderUnavailable:
                continue
            suffix = "" if runtime == "auto" else f"-{runtime}"
            title = f"news-dedup, {name} ({chosen.engine})"
            options = {"profile": name, "runtime": runtime}
            engine = Engine(f"ours-{name}{suffix}", title, "ours", "ours", options=options)
            found.setdefault((name, chosen.engine), engine)
    return tuple(found.values())


def prepare_profile(job: dict[str, Any], progress: Callable[[str, int, int], None]) -> Any:
    """`prepare` for one profile. job: model, cache, profile, runtime, rebuild, random_weights."""
    from dedup_accelerate import BuildSettings, ParityFloor, choose_profile, detect_hardware, prepare

    settings = BuildSettings(floor=ParityFloor(**NO_FLOOR)) if job["random_weights"] else BuildSettings()
    return prepare(
        job["model"],
        profile=choose_profile(detect_hardware(), job["profile"], job["runtime"]),
        cache=Path(job["cache"]),
        rebuild=bool(job.get("rebuild")),
        settings=settings,
        progress=progress,
    )
