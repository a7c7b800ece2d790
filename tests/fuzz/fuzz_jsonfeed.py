"""Coverage-guided fuzzing of what reads strangers' JSON and text: the JSON Feed reader, the normaliser, URLs and dates.

    make fuzz SECONDS=600

libFuzzer by way of atheris. The first byte of an input chooses the target, the rest is its material. A target raises
for whatever breaks a promise; libFuzzer then writes the input to a file `crash-…` in the working folder and ends with
an error. `python tests/fuzz/fuzz_jsonfeed.py crash-…` repeats it.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import atheris

with atheris.instrument_imports(include=["dedup_ingest"]):
    from dedup_ingest import ArticleLimits, ParseSettings, canonical_url, clean, normalise, parse_date
    from dedup_ingest._document import parse_document
    from dedup_ingest._errors import ParseError

clean("the first text imports gensim, which is not to be fuzzed", "en")
URL = "https://gazette.example/feed.json"
PARSE = ParseSettings(detect_language=False, max_entries=50)
LIMITS = ArticleLimits(max_text_characters=2_000)
FIELDS = [
    "id", "url", "external_url", "title", "content_html", "content_text", "summary", "date_published",
    "date_modified", "language", "tags", "authors",
]  # fmt: skip
TOKENS = [*(f'\\"{field}\\":' for field in ("items", "version", *FIELDS)), "\\\\ud800", "utm_source=", "<!--", "xn--"]
TARGETS = 5
SEEDS = (
    b'{"version":"https://jsonfeed.org/version/1.1","title":"Harbour","items":[{"id":"1","url":"/a","title":"A",'
    b'"content_html":"<p>x</p>","date_published":"2026-11-23T10:00:00Z"}]}',
    b'{"items":[{"id":7,"content_text":"a < b\\n\\nc & d","language":"ru"},3,null,{"summary":"\\ud800","title":{}}]}',
    b"The \xe2\x80\x9cFed\xe2\x80\x9d didn\xe2\x80\x99t raise rates \xe2\x80\x94 -$5, .5 %, 10\xe2\x81\xb5, 52:48",
    b"https://news.example:443/a/?utm_source=x&id=5#top",
    b"Thu,28 Jul 2022 4:35:5 GMT+9",
)


def check_document(body: bytes) -> None:
    """Bytes as a feed: articles that can be stored, all entries accounted for, or a ParseError."""
    try:
        found = parse_document(body, url=URL, base=URL, content_type=None, parse=PARSE, limits=LIMITS)
    except ParseError:
        return
    assert len(found.articles) + sum(count for _, count in found.skipped) >= found.found
    assert len({article.key for article in found.articles}) == len(found.articles)
    for article in found.articles:
        for text in (article.source, article.title, article.text, article.url or "", article.guid or ""):
            text.encode("utf-8")
            assert "\x00" not in text
        assert article.title or article.text
        assert len(article.key) == len(article.fingerprint) == len(article.revision) == 64
        assert article.url is None or article.url.lower().startswith(("http://", "https://"))


def check_json(data: Any) -> None:
    """A JSON Feed made of the input: the same, past the syntax of JSON."""
    items = [
        {data.PickValueInList(FIELDS): value(data) for _ in range(data.ConsumeIntInRange(0, 5))}
        for _ in range(data.ConsumeIntInRange(0, 3))
    ]
    check_document(json.dumps({"version": value(data), "title": value(data), "items": items}).encode())


def value(data: Any, depth: int = 0) -> Any:
    kind = data.ConsumeIntInRange(0, 7 if depth < 2 else 4)
    if kind <= 1:
        return data.ConsumeUnicode(40)  # lone surrogates among it
    simple = (None, data.ConsumeBool(), data.ConsumeInt(9), data.ConsumeFloat())
    if kind < 6:
        return simple[kind % 4]
    return [value(data, depth + 1)] if kind == 6 else {data.ConsumeUnicode(5): value(data, depth + 1)}


def check_text(text: str) -> None:
    """Normalising and cleaning: storable, and done once as good as twice."""
    once = normalise(text)
    once.encode("utf-8")
    assert normalise(once) == once
    assert len(once) <= 60 * (len(text) + 1)
    rest = iter(once.split())
    assert all(word in rest for word in clean(text, "ru").split())


def check_url(text: str) -> None:
    once = canonical_url(text)
    assert canonical_url(once) == once


def check_date(text: str) -> None:
    moment = parse_date(text)
    assert moment is None or 1969 <= moment.year <= 2101


def one_input(body: bytes) -> None:
    if not body:
        return
    data = atheris.FuzzedDataProvider(body[1:])
    target = body[0] % TARGETS
    if target == 0:
        check_document(b"{" + body[1:])
    elif target == 1:
        check_json(data)
    else:
        text = data.ConsumeUnicode(2_000)
        (check_text, check_url, check_date)[target - 2](text)


def fuzz(seconds: str) -> int:
    """Fuzz in a process of its own, because libFuzzer ends its process; returns its exit status."""
    with tempfile.TemporaryDirectory() as folder:
        corpus, words = Path(folder, "corpus"), Path(folder, "words.dict")
        corpus.mkdir()
        for number, seed in enumerate(SEEDS):
            for target in range(TARGETS):
                Path(corpus, f"{number}-{target}").write_bytes(bytes([target]) + seed.removeprefix(b"{"))
        words.write_text("".join(f'"{token}"\n' for token in TOKENS), encoding="ascii")
        limits = [f"-max_total_time={seconds}", "-max_len=4096", "-timeout=60", "-rss_limit_mb=2048"]
        command = [sys.executable, __file__, *limits, f"-dict={words}", str(corpus)]
        return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    if len(sys.argv) == 2 and sys.argv[1].isdigit():
        sys.exit(fuzz(sys.argv[1]))
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
