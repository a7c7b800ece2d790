"""Our side of the comparison: the service's judge, its stories, and the regression as it does on held-out topics."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dedup.config import default_config_path, load_config
from dedup.corpora import Corpus, Text
from dedup.model import LazyEncoder, TextEncoder, prepare_model
from dedup.quality import Evaluation, evaluate
from dedup.quality._pairs import judge_pairs
from dedup.quality._threshold import judge_corpus
from dedup.quality._trial import Trial
from dedup.replay import Remembering, temporary_service
from dedup.service import silent
from dedup.space import View
from dedup.verdict import Decision, Verdict, Verifier, decide, default_verifier

Vectors = NDArray[np.float32]
Floats = NDArray[np.float64]
MODEL = "e5-small"


class Stored:
    """An encoder whose vectors are kept in a folder between runs."""

    def __init__(self, encoder: TextEncoder, file: Path) -> None:
        self._encoder, self._file = encoder, file
        self._known: dict[str, Vectors] = {}
        if file.is_file():
            with np.load(file) as stored:
                self._known = dict(zip(stored["names"].tolist(), stored["vectors"], strict=True))

    def encode(self, texts: Sequence[str]) -> Vectors:
        names = [hashlib.sha256(text.encode()).hexdigest() for text in texts]
        new = {name: text for name, text in zip(names, texts, strict=True) if name not in self._known}
        if new:
            self._known.update(zip(new, self._encoder.encode(list(new.values())), strict=True))
            self._file.parent.mkdir(parents=True, exist_ok=True)
            np.savez(self._file, names=np.array(list(self._known)), vectors=np.stack(list(self._known.values())))
        return np.stack([self._known[name] for name in names])

    async def aencode(self, texts: Sequence[str]) -> Vectors:
        return self.encode(texts)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self._encoder.count_tokens(texts)


class Ours:
    """A service in a temporary database, with the settings that the package ships with."""

    def __init__(self, cache: Path | None) -> None:
        own = {"model": {"name": MODEL}, "verdict": {"use_calibration": False}}
        self._config = load_config(default_config_path(), own)
        self._artifact = prepare_model(self._config)
        encoder: TextEncoder = LazyEncoder(self._artifact, self._config)
        if cache is not None:
            encoder = Stored(encoder, cache / f"{self._artifact.fingerprint[:12]}.npz")
        self._encoder = Remembering(encoder)
        self._view = View(self._config.encode.view, self._config.encode.lead_words, self._config.encode.clean)
        self._open = ExitStack()
        self._service = self._open.enter_context(
            temporary_service(self._config, self._artifact, self._encoder, progress=silent)
        )
        self.model = f"{MODEL} {self._artifact.manifest.contract.precision}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def raw(self, texts: Sequence[Text]) -> Vectors:
        """The encoder's own vectors (n, d) of what our service shows it: title and 60 words."""
        order = sorted(range(len(texts)), key=lambda place: len(texts[place].text))
        seen = [self._view.text(texts[place].title, texts[place].text, texts[place].lang or "und") for place in order]
        vectors = np.empty((len(texts), self._artifact.dimension), dtype=np.float32)
        vectors[order] = self._encoder.encode(seen)
        return vectors

    def judged(self, corpus: Corpus) -> tuple[NDArray[np.int64], tuple[Decision, ...]]:
        """The verdicts on the pairs, or on the near pairs of documents, with their places (m, 2)."""
        found = judge_corpus(Trial(self._service, self._encoder, self._config, corpus.name, silent), corpus)
        return found.places, found.decisions

    def graded(self, corpus: Corpus) -> list[Decision]:
        """The verdicts on graded pairs, their evidence with the titles, which the likeness reads."""
        trial = Trial(self._service, self._encoder, self._config, corpus.name, silent)
        return judge_pairs(trial, corpus.pairs, titles=True)[0]

    def again(self, decision: Decision, verifier: Verifier) -> float:
        """The probability that the same evidence has under other weights, by the rules that verdicts follow."""
        same = decision.verdict is Verdict.IDENTICAL
        limits = self._service.judge.limits
        return decide(decision.evidence, same_text=same, limits=limits, verifier=verifier).probability

    def evaluated(self, corpus: Corpus) -> Evaluation:
        """What `dedup eval` says: documents through the whole service."""
        return evaluate(corpus, self._config, self._artifact, self._encoder, errors=0)


class HeldOut:
    """Regressions fitted as the shipped ones are, but without what they are asked about.

    A regression whose recipe leaves a set out never saw it: there the shipped weights are held out already.
    """

    def __init__(self, data: Path, cache: Path | None) -> None:
        from _labelled import Space, labelled
        from _regression import RECIPES, rows_of

        sets = list(labelled(Space(MODEL, "int8", cache), data, told=lambda _: None))
        self._places = {one.name: one.places for one in sets}
        self._recipes = RECIPES
        self._rows = {kind: rows_of(sets, kind, recipe) for kind, recipe in RECIPES.items()}

    def of_pairs(self, name: str, decisions: Sequence[Decision], fold: NDArray[np.int64], ours: Ours) -> Floats:
        """The probability of every pair of a set, in the order of its file, from a fit without its fold."""
        found = np.zeros(len(decisions))
        fitted = len(self._places[name])
        for number in np.unique(fold).tolist():
            verifier = self._verifier(name, (fold == number)[:fitted])
            for place in np.flatnonzero(fold == number).tolist():
                found[place] = ours.again(decisions[place], verifier)
        return found

    def of_documents(
        self,
        name: str,
        places: NDArray[np.int64],
        decisions: Sequence[Decision],
        fold: NDArray[np.int64],
        ours: Ours,
    ) -> Floats:
        """The probability of every pair of documents, from a fit without the folds of both."""
        found, known = np.zeros(len(decisions)), self._places[name]
        both = np.sort(fold[places], axis=1)
        for first, second in np.unique(both, axis=0).tolist():
            touched = np.isin(fold[known], (first, second)).any(axis=1)
            verifier = self._verifier(name, touched)
            for place in np.flatnonzero((both == (first, second)).all(axis=1)).tolist():
                found[place] = ours.again(decisions[place], verifier)
        return found

    def _verifier(self, name: str, unseen: NDArray[np.bool_]) -> Verifier:
        """`unseen`: which pairs of the set no regression may learn from."""
        from _regression import fit

        weights = dict(default_verifier().weights)
        for kind, recipe in self._recipes.items():
            if name in recipe.shares:
                rows = self._rows[kind]
                here = np.flatnonzero(rows.set == name)
                dropped = here[unseen[rows.place[here]]]
                weights[kind] = fit(rows.part(np.setdiff1d(np.arange(len(rows.set)), dropped))).rounded()
        return Verifier(default_verifier().version, weights)
