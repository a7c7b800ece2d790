"""A process that imports a file, or ingests a list of feeds (.txt), and kills itself before its Nth event.

As kill -9 would; run by the tests of crashes.

    crashing.py URL FILE KIND N

KIND is `statement` (an SQL statement), `commit`, `save` (the index is about to be written) or `never`, which prints how
many events of each kind there were.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from newsroom import config_for, hashing_service
from sqlalchemy import Engine, event

from dedup import jobs
from dedup.memory import Memory

url, file, kind, place = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
seen: Counter[str] = Counter()


def happens(what: str) -> None:
    seen[what] += 1
    if what == kind and seen[what] == place:
        os.kill(os.getpid(), signal.SIGKILL)


service = hashing_service(url)
event.listen(Engine, "before_cursor_execute", lambda *_: happens("statement"))
event.listen(Engine, "commit", lambda *_: happens("commit"))
save = Memory.save


def saving(memory: Memory, folder: Path) -> None:
    happens("save")
    save(memory, folder)


Memory.save = saving  # type: ignore[method-assign]
if file.suffix == ".txt":
    jobs.ingest(service, config_for(url), [file])
else:
    jobs.import_file(service, config_for(url), file)
print(json.dumps(seen))
