"""The texts that encoders are timed on: titles, leads (title + 60 words) and bodies of 256 tokens.

Real news where ../shared/data has them (tgnews_ru, in time order, every n-th article), invented sentences elsewhere.
"""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WORKLOADS = ("titles", "leads", "bodies")
LEAD_WORDS = 60
BODY_TOKENS = 256
NEWS = Path(__file__).parents[2] / "shared" / "data" / "tgnews_ru.jsonl.gz"


@dataclass(frozen=True)
class Workload:
    """Texts without any prefix, and the number of tokens of each with prefix and special tokens."""

    name: str
    texts: tuple[str, ...]
    tokens: tuple[int, ...]
    source: str


def make_workload(name: str, count: int, tokenizer_file: Path, prefix: str) -> Workload:
    """`count` texts of the kind `name`; no text is longer than BODY_TOKENS, so that no encoder has to cut it."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    source = "tgnews_ru" if NEWS.is_file() else "invented sentences (../shared/data is absent)"
    rows = list(_news() if NEWS.is_file() else _invented())
    if name == "titles":
        candidates = [title for title, _ in rows]
    elif name == "leads":
        candidates = [" ".join([title, *text.split()[:LEAD_WORDS]]) for title, text in rows]
    else:
        # 9 characters to a token are more than any news needs: what is shorter need not be tokenised.
        candidates = [f"{title} {text}"[: BODY_TOKENS * 9] for title, text in rows if len(text) > BODY_TOKENS * 3]
    step = max(1, len(candidates) // (count * 2 if name == "bodies" else count))
    texts, tokens = [], []
    for candidate in candidates[::step]:
        text, length = _fit(tokenizer, prefix, candidate)
        if name == "bodies" and length < BODY_TOKENS - 8:
            continue
        texts.append(text)
        tokens.append(length)
        if len(texts) == count:
            return Workload(name, tuple(texts), tuple(tokens), source)
    raise SystemExit(f"{source} gives only {len(texts)} texts for {name!r}, {count} were asked: use a smaller --texts")


def _fit(tokenizer: Any, prefix: str, text: str) -> tuple[str, int]:
    """The text cut at a word so that it has at most BODY_TOKENS tokens with its prefix, and how many it has."""
    encoding = tokenizer.encode(prefix + text)
    while len(encoding.ids) > BODY_TOKENS:
        ends = [end for _, end in encoding.offsets]
        whole = (prefix + text)[: ends[BODY_TOKENS - 3]]
        text = whole.rsplit(" ", 1)[0][len(prefix) :] if len(encoding.ids) - BODY_TOKENS > 2 else whole[len(prefix) :]
        encoding = tokenizer.encode(prefix + text)
    return text, len(encoding.ids)


def _news() -> Iterator[tuple[str, str]]:
    with gzip.open(NEWS, "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            yield row["title"], row["text"]


def _invented() -> Iterator[tuple[str, str]]:
    """Articles made of the packaged parity sentences; their lengths vary as those of news do."""
    from dedup_accelerate import parity_texts

    sentences = parity_texts()
    generator = random.Random(1)
    for _ in range(2000):
        title, *text = generator.sample(sentences, generator.randint(2, len(sentences)))
        yield title, " ".join(text)
