"""One run for each core, side by side: for many texts that is faster than one run after another on all cores.

Between its products a graph has many small steps, which one thread takes while the others wait; and what else wants a
core stops one run, not all of it (figures for both engines: `benchmarks/results/emerald-rapids/streams.json`).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

from ._engine import Engine, Vectors

Batch = list[int]

#: Batches for each stream from which on streams are used: then a stream that ends last leaves little of the time idle,
#: and loading another session has been worth it.
LEAST_BATCHES = 4


class Streams:
    """`count` runs at a time on an engine of one thread, which is loaded when it is first needed.

    Its weights are mapped from the file that the other engine has mapped; what is packed anew costs memory: 0.17 GB for
    LaBSE's int8 in onnxruntime. In OpenVINO a process with e5-small grew from 0.55 GB after three texts to 0.86 after
    192 in int8, from 0.95 to 1.57 in bfloat16.
    """

    def __init__(self, load: Callable[[], Engine], count: int) -> None:
        self.count = count
        self._load = load
        self._engine: Engine | None = None
        self._loading = threading.Lock()

    def suit(self, batches: Sequence[Batch]) -> bool:
        """Whether there is enough to do."""
        return self.count > 1 and len(batches) >= LEAST_BATCHES * self.count

    def run(
        self, batches: Sequence[Batch], work: Callable[[Engine, Batch], Vectors]
    ) -> Iterator[tuple[Batch, Vectors]]:
        """Each batch with what `work` makes of it, in their order. Who stops early waits for what runs already."""
        with self._loading:
            engine = self._engine = self._engine or self._load()
        with (
            ThreadPoolExecutor(self.count, thread_name_prefix="dedup-encoder") as pool,
            closing(pool.map(lambda batch: work(engine, batch), batches)) as done,  # type: ignore[type-var]
        ):
            yield from zip(batches, done, strict=True)


def physical_cores(cpus: Path = Path("/sys/devices/system/cpu")) -> int:
    """Cores this process may use: two threads of one core count once; all usable CPUs where Linux does not tell."""
    usable = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    try:
        siblings = {(cpus / f"cpu{cpu}/topology/thread_siblings_list").read_text(encoding="ascii") for cpu in usable}
    except OSError:
        return len(usable)
    return len(siblings)
