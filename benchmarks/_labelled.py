"""Pairs of labelled news with their evidence, for the scripts that fit and that ablate.

Every set is read as `dedup eval` reads it: the texts of one file are one another's neighbourhood.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dedup.clustering import components
from dedup.corpora import Corpus, Text, heading, load_corpus
from dedup.crowding import surroundings_of_each
from dedup.evidence import Evidence
from dedup.judge import Judge
from dedup.profile import profile
from dedup.quality._trial import title_cosines
from dedup.sides import Side
from dedup.space import Scale, View, calibration_rows, language_rows, measure_scale
from dedup.verdict import VerdictLimits, Verifier
from dedup_accelerate import Encoder, prepare

DATA = Path(__file__).parents[2] / "shared" / "data"
VIEW = View("lead", 60, clean=False)
FILES = {
    "ecb+": "ecbplus_dev",
    "semeval": "semeval2022_dev",
    "paraphraser": "paraphraser_ru_train",
    "nyan": "nyan_gold_pairs",
    "ntrex": "ntrex_dev",
}
# Pairs of a real stream, the two days of both files together, each other's neighbourhood. Of those near enough to be a
# question, and without a conflict of facts, 490 were drawn by chance, one for each article; and 230 of an article and
# the one that stood for its story, where neither was copied. One reader labelled 444 and 202 of them by headline and
# first line (across languages by headline) and left out what he could not tell, most of it follow-ups.
STREAM = Path(__file__).parent / "labels" / "tgnews_pairs.jsonl"
STREAM_FILES = ("tgnews_en", "tgnews_ru")
# Headline pairs that are read, the first ones of 7,227: twice as many move no weight by more than its error.
LIMIT = {"paraphraser": 3000}
# Documents of NTREX, by two, that tell one event (a politician's plan to run, the toll of a tsunami) or its next day (a
# golf tournament). Their label says only that neither was translated from the other, which no verdict is asked: nothing
# is learnt from them. Of 217 unlike pairs of NTREX that a fit on all of them would join, 212 were of these.
ONE_EVENT = (
    ("abcnews.306755", "newsweek.51300"),
    ("euronews-en.153835", "nytimes.184860"),
    ("euronews-en.153826", "reuters.218923"),
)
# Unlike pairs of documents that are kept for each pair of the same cluster: the nearest ones, and as many by chance.
UNLIKE = 5
# SemEval's grades (1 very similar … 4 not at all) as the share of editors who would call both one event.
GRADES = ([1.0, 2.0, 2.5, 3.0, 4.0], [1.0, 0.75, 0.5, 0.25, 0.0])

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Labelled:
    """n pairs of one set.

    places: (n, 2) of the two texts among `texts`. target: 0…1, of one event. grade: the label itself, higher is more
    alike. group: pairs about one topic share one.
    """

    name: str
    texts: tuple[Text, ...]
    clusters: tuple[str, ...]
    places: NDArray[np.int64]
    evidence: tuple[Evidence, ...]
    target: Floats
    grade: Floats
    group: NDArray[np.str_]


class Space:
    """An encoder, its scale and its vectors, which are kept in a folder between runs where one is given."""

    def __init__(self, model: str, precision: str, cache: Path | None, view: View = VIEW) -> None:
        self._encoder = Encoder(prepare(model, precision=precision))
        self._cache = cache
        self._name = f"{model}-{precision}-{self._encoder.artifact.fingerprint[:12]}-{view.name}"
        self.view = view
        rows = (*calibration_rows(), *language_rows())
        packaged = self.encoded("packaged", [view.text(row["title"], row["text"], row["lang"]) for row in rows])
        self.scale: Scale = measure_scale(lambda _: packaged, view)

    def encoded(self, name: str, seen: Sequence[str]) -> NDArray[np.float32]:
        # By what is read: a set that is read in part, or in another way, is another one.
        digest = hashlib.sha256("\0".join(seen).encode()).hexdigest()[:12]
        path = self._cache / f"{self._name}.{name}.{digest}.npy" if self._cache else None
        if path is not None and path.exists():
            return np.asarray(np.load(path), dtype=np.float32)
        unique = sorted(set(seen), key=len)
        place = {text: number for number, text in enumerate(unique)}
        vectors = self._encoder.encode(unique)[[place[text] for text in seen]]
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)
            np.save(path, vectors)
        return np.asarray(vectors, dtype=np.float32)

    def vectors(self, name: str, texts: Sequence[Text]) -> NDArray[np.float32]:
        seen = [self.view.text(text.title, text.text, text.lang or "und") for text in texts]
        return self.scale.project(self.encoded(name, seen))


def labelled(
    space: Space,
    data: Path = DATA,
    sets: Sequence[str] = (*FILES, "stream", "packaged"),
    told: Callable[[str], None] = print,
) -> Iterator[Labelled]:
    """Every set with its evidence; the packaged calibration texts are one of them."""
    for name in sets:
        found = _packaged(space) if name == "packaged" else _read(space, name, data)
        told(f"{name}: {len(found.target)} pairs")
        yield found


def cosines_of_titles(space: Space, one: Labelled) -> tuple[Floats, Floats]:
    """Cosines of the two titles of each pair, and of either title with the other article, on average: (n,) each."""
    titles = space.encoded(f"titles {one.name}", [heading(text.title, text.text) for text in one.texts])
    return title_cosines(space.scale.project(titles), space.vectors(one.name, one.texts), one.places)


def with_titles(space: Space, one: Labelled) -> tuple[Evidence, ...]:
    """The evidence of a set, with what its titles say."""
    judge = Judge(space.scale, VerdictLimits(1.0, 1.0), Verifier(0, {}))
    cosines = (found.tolist() for found in cosines_of_titles(space, one))
    return tuple(judge.with_titles(*told) for told in zip(one.evidence, *cosines, strict=True))


def _read(space: Space, name: str, data: Path) -> Labelled:
    if name == "stream":
        return _stream(space, data)
    corpus = load_corpus(data / f"{FILES[name]}.jsonl.gz", limit=LIMIT.get(name))
    return _of_pairs(space, name, corpus) if corpus.pairs else _of_documents(space, name, corpus)


def _of_pairs(space: Space, name: str, corpus: Corpus) -> Labelled:
    texts = list(dict.fromkeys(text for pair in corpus.pairs for text in (pair.a, pair.b)))
    place = {text: number for number, text in enumerate(texts)}
    places = np.array([(place[pair.a], place[pair.b]) for pair in corpus.pairs])
    grade = np.array([pair.similarity for pair in corpus.pairs])
    same = np.array([pair.same for pair in corpus.pairs], dtype=np.float64)
    target = np.interp(-grade, *GRADES) if name == "semeval" else same
    group = np.array([pair.id for pair in corpus.pairs])
    return _measured(space, name, texts, [""] * len(texts), places, target, grade, group)


def _of_documents(space: Space, name: str, corpus: Corpus) -> Labelled:
    clusters = [document.cluster or document.id for document in corpus.documents]
    # Both events of an ECB+ topic ("12ecb", "12ecbplus") are look-alikes: they are never parted by a fold.
    groups = [cluster.split("ecb")[0] for cluster in clusters] if name == "ecb+" else clusters
    return _clustered(space, name, [document.text for document in corpus.documents], clusters, groups)


def _stream(space: Space, data: Path) -> Labelled:
    every = [one for name in STREAM_FILES for one in load_corpus(data / f"{name}.jsonl.gz").documents]
    place = {document.id: number for number, document in enumerate(every)}
    rows = [json.loads(line) for line in STREAM.read_text(encoding="utf-8").splitlines()]
    places = np.array([(place[row["id1"]], place[row["id2"]]) for row in rows])
    same = np.array([row["same"] for row in rows], dtype=np.float64)
    texts = [document.text for document in every]
    # What one article tells is never in two folds: its pairs hang together.
    parts = components(len(texts), places.tolist())
    part = {number: label for label, members in enumerate(parts) for number in members}
    group = np.array([str(part[number]) for number in places[:, 0].tolist()])
    return _measured(space, "stream", texts, [""] * len(texts), places, same, same, group)


def _packaged(space: Space) -> Labelled:
    rows = calibration_rows()
    texts = [Text(row["title"], row["text"], row["lang"]) for row in rows]
    groups = [min(row["event"], row.get("twin") or row["event"]) for row in rows]
    return _clustered(space, "calibration", texts, [row["event"] for row in rows], groups)


def _clustered(
    space: Space, name: str, texts: Sequence[Text], clusters: Sequence[str], groups: Sequence[str]
) -> Labelled:
    vectors = space.vectors(name, texts)
    a, b = np.triu_indices(len(texts), k=1)
    named = np.array(clusters)
    same = named[a] == named[b]
    cosines = np.einsum("ij,ij->i", vectors[a], vectors[b])
    unclear = np.zeros(len(a), dtype=bool)
    for first, second in ONE_EVENT:
        unclear |= ((named[a] == first) & (named[b] == second)) | ((named[a] == second) & (named[b] == first))
    told_apart = ~same & ~unclear
    unlike = np.flatnonzero(told_apart)[np.argsort(-cosines[told_apart], kind="stable")]
    half = min(len(unlike), UNLIKE * int(same.sum()) // 2)
    chance = np.random.default_rng(0).permutation(unlike[half:])[:half]
    chosen = np.sort(np.concatenate([np.flatnonzero(same), unlike[:half], chance]))
    places = np.stack([a[chosen], b[chosen]], axis=1)
    target = same[chosen].astype(np.float64)
    group = np.array([min(groups[i], groups[j]) for i, j in places.tolist()])
    return _measured(space, name, texts, clusters, places, target, target, group)


def _measured(
    space: Space,
    name: str,
    texts: Sequence[Text],
    clusters: Sequence[str],
    places: NDArray[np.int64],
    target: Floats,
    grade: Floats,
    group: NDArray[np.str_],
) -> Labelled:
    vectors = space.vectors(name, texts)
    around = surroundings_of_each(vectors)
    sides = [
        Side(
            text.title,
            profile(text.title, text.text, text.lang or "und"),
            text.lang or "und",
            text.source or "",
            None,
            "",
            place,
        )
        for text, place in zip(texts, around, strict=True)
    ]
    judge = Judge(space.scale, VerdictLimits(1.0, 1.0), Verifier(0, {}))
    evidence = [judge.evidence(sides[i], sides[j], float(vectors[i] @ vectors[j])) for i, j in places.tolist()]
    return Labelled(name, tuple(texts), tuple(clusters), places, tuple(evidence), target, grade, group)
