"""A process that adds the articles of a file in small calls, from several threads; run by test_service_together.

    adding.py URL FILE SEED THREADS

Starts when a line comes in on stdin, so that all processes of a test begin at once.
"""

from __future__ import annotations

import json
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from newsroom import hashing_service

from dedup_ingest import make_article

url, file, seed, threads = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
articles = [
    make_article(
        source=row["source"],
        title=row["title"],
        text=row["text"],
        guid=row["id"],
        published=row["published"],
        lang=row["lang"],
    )
    for row in rows
]
rng = random.Random(seed)
rng.shuffle(articles)
service = hashing_service(url)
print("ready", flush=True)
sys.stdin.readline()
parts = [articles[start : start + 3] for start in range(0, len(articles), 3)]
with ThreadPoolExecutor(threads) as pool:
    for number, placed in enumerate(pool.map(service.add, parts)):
        if number % 5 == 0:
            service.repair()
        assert all(one.outcome in ("new_story", "joined", "known") for one in placed)
    service.repair()
    for _ in range(3):
        assert service.similar(title=articles[0].title, text=articles[0].text)
service.close()
