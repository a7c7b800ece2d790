"""Labelled news, for `dedup eval` and `dedup calibrate`: JSON lines in, documents with clusters or labelled pairs out.

A file holds one of two shapes, told by its first row:

- documents: `id, lang, title, text, published, source, url` and `cluster`, the name of the event; without a cluster a
  document is placed like the others and not scored;
- pairs: `text1, text2` (also `title1, lang1, published1, source1` …) and a label; or `id1, id2` and a label, the texts
  looked up in another file of documents.

Pure but for `read_rows`: knows no model and no database.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO, cast

from dedup._errors import CorpusError
from dedup.profile import FIRST_WORDS

# Where a label is looked for, and from which value on two texts tell the same news. `overall` is SemEval-2022 task 8's
# four grades (1 very similar … 4 not at all); Jaccard 0.7 is where a copy of a text begins.
LABELS = {
    "overall": "<=2",
    "label": "",  # >=0 where there are negative labels (ParaPhraser: −1, 0 loosely, 1), else >=1 or true
    "same": "",
    "jaccard5": ">=0.7",
    "jaccard": ">=0.7",
}
CLUSTER = "cluster"
CODES = "lang, or lang1 and lang2, in codes such as en"
# A text without a title: a first line of at most so many words is its headline.
HEADLINE_WORDS = 30

Row = tuple[int, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Text:
    """One side of a pair, or a document, as its file tells it; `published` is not parsed yet."""

    title: str
    text: str
    lang: str | None = None
    published: str | None = None
    source: str | None = None
    url: str | None = None


@dataclass(frozen=True, slots=True)
class Document:
    """A row of documents; `cluster` is `None` where the row names none."""

    line: int
    id: str
    text: Text
    cluster: str | None


@dataclass(frozen=True, slots=True)
class LabelledPair:
    """A row of pairs: whether both tell the same news, and how similar people found them (higher is more similar)."""

    line: int
    id: str
    a: Text
    b: Text
    label: str
    same: bool
    similarity: float


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Which labels mean "the same news": `field operator value`, such as `overall <= 2`."""

    field: str
    operator: str
    value: float | str

    def __str__(self) -> str:
        value = f"{self.value:g}" if isinstance(self.value, float) else self.value
        return f"{self.field} {self.operator} {value}"

    def same(self, label: Any) -> bool:
        if self.operator == "=":
            return _plain(label) == self.value
        here, limit = float(label), float(self.value)
        return {"<": here < limit, "<=": here <= limit, ">": here > limit, ">=": here >= limit}[self.operator]

    def similarity(self, label: Any) -> float:
        """The label as a number that grows with similarity: turned round where small labels are the similar ones."""
        if self.operator == "=":
            return float(self.same(label))
        return -float(label) if self.operator.startswith("<") else float(label)


@dataclass(frozen=True, slots=True)
class Corpus:
    """A labelled file. Exactly one of `documents` and `pairs` has rows; `rule` is of pairs."""

    name: str
    documents: tuple[Document, ...] = ()
    pairs: tuple[LabelledPair, ...] = ()
    rule: LabelRule | None = None


def load_corpus(
    path: Path,
    *,
    label_field: str | None = None,
    positive: str | None = None,
    documents: Path | None = None,
    limit: int | None = None,
) -> Corpus:
    """Read a labelled file; see `corpus` for the options.

    `documents` is a file with the texts of pairs by id; without it, the file is taken that lies beside and whose name
    the pairs' ends with: `day.jsonl.gz` for `neardup_pairs_day.jsonl`.

    Raises:
        CorpusError: a file cannot be read, or a row cannot be used; names the line.
    """
    texts = None
    documents = documents or _beside(path)
    if documents is not None:
        found = (_document(row, documents.name, CLUSTER) for row in read_rows(documents))
        texts = {document.id: document.text for document in found}
    name = "standard input" if str(path) == "-" else path.name
    return corpus(read_rows(path), name, label_field=label_field, positive=positive, texts=texts, limit=limit)


def corpus(
    rows: Iterable[Row],
    name: str,
    *,
    label_field: str | None = None,
    positive: str | None = None,
    texts: Mapping[str, Text] | None = None,
    limit: int | None = None,
) -> Corpus:
    """Rows (line number, object) as a corpus.

    Args:
        name: of the file, for messages.
        label_field: the column with the label, or with the cluster; default: the first known one, see `LABELS`.
        positive: which labels mean the same news, such as "<=2", ">=0" or "yes"; default: see `LABELS`.
        texts: the texts of pairs that are given by `id1` and `id2`.
        limit: only so many rows, the first ones; which labels there are is still read from all.

    Raises:
        CorpusError: no rows, a shape that is not known, or a row that cannot be used.
    """
    every = list(rows)
    if not every:
        raise CorpusError(f"{name} has no rows; one JSON object a line is expected")
    first = every[0][1]
    if not _is_pair(first):
        field = label_field or CLUSTER
        if not any(row.get(field) not in (None, "") for _, row in every):
            raise CorpusError(
                f"{name}: neither pairs (text1, text2, or id1, id2) nor documents with a {field!r}; "
                "--label-field names the column of the cluster"
            )
        return Corpus(name, documents=tuple(_document(row, name, field) for row in every[:limit]))
    rule = _rule(every, name, label_field, positive)
    return Corpus(name, pairs=tuple(_pair(row, name, rule, texts) for row in every[:limit]), rule=rule)


def only_language(given: Corpus, lang: str) -> Corpus:
    """The documents in a language, or the pairs both of whose texts are.

    Raises:
        CorpusError: there are none.
    """
    documents = tuple(one for one in given.documents if one.text.lang == lang)
    pairs = tuple(pair for pair in given.pairs if pair.a.lang == lang and pair.b.lang == lang)
    if not documents and not pairs:
        raise CorpusError(f"{given.name} has nothing in {lang!r}: its rows name languages as {CODES}")
    return replace(given, documents=documents, pairs=pairs)


def read_rows(path: Path) -> Iterator[Row]:
    """The objects of a JSON lines file with their line numbers; `.gz` is unpacked, `-` is standard input.

    Raises:
        CorpusError: the file cannot be read, or a line is no JSON object.
    """
    try:
        with _opened(path) as file:
            for number, line in enumerate(io.TextIOWrapper(file, encoding="utf-8-sig"), start=1):
                if line.strip():
                    row = json.loads(line)
                    if not isinstance(row, dict):
                        raise CorpusError(f"{path}:{number} is no JSON object")
                    yield number, row
    except json.JSONDecodeError as error:
        raise CorpusError(f"{path}:{number} is not JSON: {error}") from error
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise CorpusError(f"cannot read {path}: {error}") from error


def _beside(path: Path) -> Path | None:
    """The file of documents that the name of a file of pairs by id tells of; the longest such name."""
    name = _stem(path)
    if "pairs" not in name or not path.parent.is_dir():
        return None
    others = [other for other in path.parent.iterdir() if other.name.endswith((".jsonl", ".jsonl.gz"))]
    fitting = [other for other in others if other != path and name.endswith("_" + _stem(other))]
    return max(fitting, key=lambda other: len(_stem(other)), default=None)


def _stem(path: Path) -> str:
    return path.name.removesuffix(".gz").removesuffix(".jsonl")


def split_headline(text: str) -> tuple[str, str]:
    """The headline and the rest of a text that came without a title.

    A short first line is the headline; a text of one short line is nothing but a headline; any other text has none. Its
    first words in the place of one looked like a headline of other news: they end in the middle of a sentence.
    """
    text = text.strip()
    line, _, rest = text.partition("\n")
    return (line.strip(), rest.strip()) if len(line.split()) <= HEADLINE_WORDS else ("", text)


def heading(title: str, text: str) -> str:
    """What an article is called: its title, or its first words."""
    return title or " ".join(text.split()[:FIRST_WORDS])


def parse_positive(field: str, words: str) -> LabelRule:
    """`<=2`, `> 0.5`, `1`, `=yes` as a rule on a column.

    Raises:
        CorpusError: an order is asked of something that is no number.
    """
    found = re.fullmatch(r"\s*(<=|>=|<|>|==?|)\s*([^<>=\s].*?)\s*", words)
    operator, value = (found[1] or "=", _plain(found[2])) if found else ("", "")
    if not operator or (operator[0] in "<>" and not isinstance(value, float)):
        raise CorpusError(f"{words!r} is no rule for labels; write one like '<=2', '>=0.7' or 'yes'")
    return LabelRule(field, operator.replace("==", "="), value)


def _rule(rows: list[Row], name: str, label_field: str | None, positive: str | None) -> LabelRule:
    present = {column for _, row in rows for column, value in row.items() if value is not None}
    field = label_field or next((column for column in LABELS if column in present), None)
    if field is None or field not in present:
        raise CorpusError(
            f"{name}: no column {field or ' or '.join(LABELS)!r}; --label-field names the one of the label"
        )
    words = positive or LABELS.get(field)
    if not words:
        values = {_plain(row[field]) for _, row in rows if row.get(field) is not None}
        numbers = [value for value in values if isinstance(value, float)]
        if len(numbers) < len(values) and not values <= {"true", "false"}:
            raise CorpusError(f"{name}: which {field!r} mean the same news? Say so, for instance --positive yes")
        words = "true" if not numbers else ">=0" if min(numbers) < 0 else ">=1"
    return parse_positive(field, words)


def _pair(row: Row, name: str, rule: LabelRule, texts: Mapping[str, Text] | None) -> LabelledPair:
    number, values = row
    label = values.get(rule.field)
    try:
        same, similarity = rule.same(label), rule.similarity(label)
    except (TypeError, ValueError):
        raise CorpusError(f"{name}:{number}: {rule.field} is {label!r}, which {rule} cannot be asked of") from None
    identity = str(values.get("pair_id") or f"{values.get('id1') or number}/{values.get('id2') or ''}")
    sides = [_side(values, which, f"{name}:{number}", texts) for which in "12"]
    return LabelledPair(number, identity, sides[0], sides[1], str(label), same, similarity)


def _side(values: dict[str, Any], which: str, where: str, texts: Mapping[str, Text] | None) -> Text:
    title, text = (_word(values, f"{column}{which}") or "" for column in ("title", "text"))
    if f"text{which}" not in values and f"id{which}" in values:
        identity = str(values[f"id{which}"])
        if texts is None:
            raise CorpusError(f"{where} names its texts by id; --documents FILE says where they are")
        if identity not in texts:
            raise CorpusError(f"{where}: the documents have no id {identity!r}")
        return texts[identity]
    if not title:
        title, text = split_headline(text)
    if not title and not text:
        raise CorpusError(f"{where}: text{which} is empty")
    lang = _word(values, f"lang{which}") or _word(values, "lang")
    return Text(title, text, lang, *(_word(values, f"{column}{which}") for column in ("published", "source", "url")))


def _document(row: Row, name: str, cluster: str) -> Document:
    number, values = row
    if values.get("id") in (None, ""):
        raise CorpusError(f"{name}:{number} has no id")
    title, text = _word(values, "title") or "", _word(values, "text") or ""
    if not title.strip() and not text.strip():
        raise CorpusError(f"{name}:{number} has neither a title nor a text")
    found = Text(title, text, *(_word(values, column) for column in ("lang", "published", "source", "url")))
    return Document(number, str(values["id"]), found, _word(values, cluster))


def _is_pair(row: dict[str, Any]) -> bool:
    return {"text1", "text2"} <= row.keys() or {"title1", "title2"} <= row.keys() or {"id1", "id2"} <= row.keys()


def _word(values: dict[str, Any], column: str) -> str | None:
    value = values.get(column)
    return None if value in (None, "") else str(value)


def _plain(label: Any) -> float | str:
    """A label as a number where it is one ("1", 1, true), else as lower-case words."""
    if isinstance(label, bool):
        return "true" if label else "false"
    try:
        return float(label)
    except (TypeError, ValueError):
        return str(label).strip().casefold()


def _opened(path: Path) -> AbstractContextManager[BinaryIO]:
    if str(path) == "-":
        return nullcontext(sys.stdin.buffer)
    return cast(BinaryIO, gzip.open(path)) if path.suffix == ".gz" else path.open("rb")
