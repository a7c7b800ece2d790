"""One encoder in a process of its own: loads it, then obeys one JSON command per line until its input ends.

    python benchmarks/_worker.py '{"loader": "st-torch", "folder": "...", "options": {}, "first": "a text"}'

The first reply tells when the first embedding was there (CLOCK_MONOTONIC, which all processes share) and what memory
loading took. Commands: {"do": "bulk" | "single", "texts": FILE, "begin": i, "end": j, "vectors": FILE or null} and
{"do": "memory"}. Only the process that is asked works.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from _engines import LOADERS, Encode


def memory() -> dict[str, float]:
    """MiB: resident now, its highest so far, and how much of it is not backed by files."""
    fields = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    names = {"rss": "VmRSS", "peak": "VmHWM", "anonymous": "RssAnon"}
    return {name: round(int(fields[field].split()[0]) / 1024, 1) for name, field in names.items()}


def obey(encode: Encode, command: dict[str, Any]) -> dict[str, Any]:
    """Run one command; the times are those of the encoder's own call."""
    if command["do"] == "memory":
        return memory()
    texts = json.loads(Path(command["texts"]).read_text(encoding="utf-8"))[command["begin"] : command["end"]]
    groups = [texts] if command["do"] == "bulk" else [[text] for text in texts]
    seconds, vectors = [], []
    cpu = time.process_time()
    for group in groups:
        begin = time.perf_counter()
        vectors.append(encode(group))
        seconds.append(time.perf_counter() - begin)
    cpu = time.process_time() - cpu
    if command.get("vectors"):
        np.save(command["vectors"], np.concatenate(vectors).astype(np.float32))
    return {"seconds": seconds, "cpu_seconds": cpu}


def main() -> None:
    # Libraries print to standard output; the replies keep the real one for themselves.
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    job = json.loads(sys.argv[1])
    encode = LOADERS[job["loader"]](Path(job["folder"]), job["options"])
    loaded = memory()
    encode([job["first"]])
    first = {"first": time.monotonic(), "first_cpu": time.process_time(), "loaded": loaded, **memory()}
    print(json.dumps(first), file=replies, flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(encode, json.loads(line))), file=replies, flush=True)
    os._exit(0)  # some peers leave threads running that nothing but this ends


if __name__ == "__main__":
    main()
