"""A process that imports a file, ingests a list of feeds (.txt) or edits (.edits), and dies before its Nth event.

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

from newsroom import config_for, hashing_service, invented_news
from sqlalchemy import Engine, event

from dedup import jobs
from dedup.memory import Memory
from dedup.service import Deduplicator

url, file, kind, place = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])
seen: Counter[str] = Counter()


def happens(what: str) -> None:
    seen[what] += 1
    if what == kind and seen[what] == place:
        os.kill(os.getpid(), signal.SIGKILL)


def edit(service: Deduplicator, numbers: list[int]) -> None:
    """News that became other news, a repair, and every word that an editor can say."""
    service.add([invented_news(60, seed=9)[number] for number in numbers])
    service.repair()
    large, second, *_, last = sorted(service.stories(limit=100), key=lambda story: (-story.size, story.id))
    members = [member.article.id for member in service.story(large.id).members]
    merged = service.editor.merge(large.id, second.id)
    service.editor.different(members[0], last.representative_id)
    service.editor.revoke(merged.id)
    service.editor.split(service.article(members[0]).story_id, members[1:2])
    service.repair(everything=True)


service = hashing_service(url)
event.listen(Engine, "before_cursor_execute", lambda *_: happens("statement"))
event.listen(Engine, "commit", lambda *_: happens("commit"))
save = Memory.save


def saving(memory: Memory, folder: Path) -> None:
    happens("save")
    save(memory, folder)


Memory.save = saving  # type: ignore[method-assign]
if file.suffix == ".edits":
    edit(service, json.loads(file.read_text(encoding="utf-8")))
elif file.suffix == ".txt":
    jobs.ingest(service, config_for(url), [file])
else:
    jobs.import_file(service, config_for(url), file)
print(json.dumps(seen))
