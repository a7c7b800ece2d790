"""Which signals pay: the verifier without each of its own, and with each that was tried and left out.

    python benchmarks/ablate_signals.py [--model e5-small] [--precision int8] [--cache DIR]

Every row is fitted anew and scored on 5 folds by topic, as `benchmarks/fit_verifier.py` does. Tried and left out:
TF-IDF over the running window instead of plain bags, distance of topics (gensim's LSI over the window), and what
extractive summaries have in common. Writes `benchmarks/results/ablate_signals.json` and `.md`.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from _labelled import DATA, VIEW, Labelled, Space, cosines_of_titles, labelled
from _machine import describe
from _regression import RECIPES, TITLES, Extra, Floats, Recipe, held_out, rows_of
from fit_verifier import scores, stories

from dedup.bags import name_bag, word_bag
from dedup.profile import facts, profile
from dedup.space import View

RESULTS = Path(__file__).parent / "results"
SETS = ("ecb+", "semeval", "nyan", "ntrex", "stream", "packaged")
TOPICS = 100
SUMMARY_SENTENCES = 3
# As agencies are credited in the languages of the sets; the same one under two names counts as two.
AGENCY = re.compile(
    r"\b(?:Reuters|Associated Press|AP|AFP|dpa|UPI|Bloomberg|Xinhua|ANSA|EFE|Interfax|TASS|DHA|İHA|PAP"
    r"|Рейтер|Интерфакс|ТАСС|РИА Новости)\b"
)

Tokens = list[str]


def window_cosines(one: Labelled, tokens_of: Callable[[str, str], Tokens]) -> Floats:
    """TF-IDF cosine of each pair; document frequencies over all texts of the set."""
    tokens = [tokens_of(text.title, text.text) for text in one.texts]
    inside = Counter(token for some in tokens for token in set(some))
    weighed = []
    for some in tokens:
        weights = {t: (1 + math.log(n)) * math.log((len(tokens) + 1) / inside[t]) for t, n in Counter(some).items()}
        weighed.append((weights, math.sqrt(sum(weight * weight for weight in weights.values()))))
    found = np.zeros(len(one.places))
    for row, (i, j) in enumerate(one.places.tolist()):
        (a, norm_a), (b, norm_b) = weighed[i], weighed[j]
        if norm_a and norm_b:
            found[row] = sum(a[token] * b[token] for token in a.keys() & b.keys()) / (norm_a * norm_b)
    return found


def topic_cosines(one: Labelled) -> Floats:
    """Cosine of the topics of each pair: LSI (Deerwester et al. 1990) over all texts of the set."""
    from gensim.corpora import Dictionary
    from gensim.models import LsiModel, TfidfModel

    tokens = [list(profile(text.title, text.text, text.lang or "und").words._weights) for text in one.texts]
    words = Dictionary(tokens)
    bags = [words.doc2bow(some) for some in tokens]
    weighed = TfidfModel(bags)
    model = LsiModel([weighed[bag] for bag in bags], id2word=words, num_topics=TOPICS, random_seed=0)
    vectors = np.zeros((len(bags), TOPICS))
    for place, bag in enumerate(bags):
        for topic, value in model[weighed[bag]]:
            vectors[place, topic] = value
    vectors /= np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(np.einsum("ij,ij->i", vectors[one.places[:, 0]], vectors[one.places[:, 1]]))


def summary_cosines(one: Labelled) -> Floats:
    """Cosine of the words of extractive summaries: the sentences whose words are the text's most frequent ones."""
    bags = [word_bag(facts(summary(text.title, text.text))) for text in one.texts]
    return np.array([bags[i].cosine(bags[j]) or 0.0 for i, j in one.places.tolist()])


def summary(title: str, text: str) -> str:
    sentences = re.split(r"(?<=[.!?…。])\s+|\n+", f"{title}\n{text}")
    counts = Counter(word_tokens("", text))
    worth = {
        s: np.mean([counts[t] for t in tokens]) for s in dict.fromkeys(sentences) if (tokens := word_tokens("", s))
    }
    return "\n".join(sorted(worth, key=lambda s: -worth[s])[:SUMMARY_SENTENCES])


def same_agency(one: Labelled) -> Floats:
    """1 where both texts credit one agency, else 0."""
    named = [set(AGENCY.findall(f"{text.title}\n{text.text}")) for text in one.texts]
    return np.array([float(not named[i].isdisjoint(named[j])) for i, j in one.places.tolist()])


def word_tokens(title: str, text: str) -> Tokens:
    return list(word_bag(facts(f"{title}\n{text}"))._weights)


def name_tokens(title: str, text: str) -> Tokens:
    return list(name_bag(facts(f"{title}\n{text}"))._weights)


def tried(sets: Sequence[Labelled], space: Space) -> Extra:
    found = {one.name: cosines_of_titles(space, one) for one in sets}
    return {
        one.name: {
            "title_cosine": found[one.name][0],
            "crossed_cosine": found[one.name][1],
            "same_agency": same_agency(one),
            "window_names": window_cosines(one, name_tokens),
            "window_words": window_cosines(one, word_tokens),
            "topics": topic_cosines(one),
            "summaries": summary_cosines(one),
        }
        for one in sets
    }


def figures(sets: Sequence[Labelled], recipes: dict[str, Recipe], extra: Extra) -> dict[str, float]:
    """Held-out figures of all sets under these recipes."""
    every = {one.name: np.full(len(one.target), np.nan) for one in sets}
    for kind, recipe in recipes.items():
        rows = rows_of(sets, kind, recipe, extra)
        found = held_out(rows)
        for one in sets:
            here = rows.set == one.name
            every[one.name][rows.place[here]] = found[here]
    out = {}
    for one in sets:
        found_scores = scores(one, every[one.name])
        if one.name == "ecb+":
            at = stories(one, every[one.name])
            out["ECB+ pairs"] = found_scores["best_f1"]
            out["stories F1"] = at["stories_at_0.5"]["pair_f1"]
            out["B³"] = at["stories_at_0.5"]["b3_f1"]
        elif one.name == "semeval":
            out["SemEval r"], out["en"] = found_scores["pearson"], found_scores["pearson_en"]
        elif one.name == "ntrex":
            out["NTREX R at P .99"] = found_scores["recall_at_precision_0.99"]
        else:
            out[f"{one.name} F1"] = found_scores["best_f1"]
    return {name: round(value, 3) for name, value in out.items()}


def variants() -> list[tuple[str, dict[str, Recipe]]]:
    """(what is changed, the recipes of the kinds "texts" and "across" under it)."""
    own = {kind: RECIPES[kind] for kind in ("texts", "across")}
    found = [("the verifier", own)]
    for name in dict.fromkeys([*own["texts"].signs, *own["across"].signs]):
        less = {
            kind: replace(recipe, signs={key: sign for key, sign in recipe.signs.items() if key != name})
            for kind, recipe in own.items()
        }
        found.append((f"without {name}", less))
    for name, of in (
        ("window_names", "name_cosine"),
        ("window_words", "word_cosine"),
        ("topics", None),
        ("summaries", None),
        ("same_agency", None),
    ):
        texts = {key: sign for key, sign in own["texts"].signs.items() if key != of} | {name: 1}
        label = f"{name} instead of {of}" if of else f"with {name}"
        found.append((label, {**own, "texts": replace(own["texts"], signs=texts)}))
    for label, names in (("title cosine", TITLES[:1]), ("title cosine, each title with the other lead", TITLES)):
        more = {
            kind: replace(recipe, signs={**recipe.signs, **dict.fromkeys(names, 1)}) for kind, recipe in own.items()
        }
        found.append((f"with {label}", more))
    return found


def table(rows: Sequence[tuple[str, dict[str, float]]]) -> str:
    head = ["", *rows[0][1]]
    lines = [head, ["---"] * len(head), *([name, *(f"{v:.3f}" for v in values.values())] for name, values in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def main(arguments: Iterable[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--model", default="e5-small")
    parser.add_argument("--precision", default="int8")
    parser.add_argument("--cache", type=Path, help="folder in which vectors are kept between runs")
    args = parser.parse_args(None if arguments is None else list(arguments))
    space = Space(args.model, args.precision, args.cache)
    sets = list(labelled(space, args.data, SETS))
    extra = tried(sets, space)
    rows = []
    for name, recipes in variants():
        rows.append((name, figures(sets, recipes, extra)))
        print(rows[-1], flush=True)
    whole = Space(args.model, args.precision, args.cache, View("body", VIEW.lead_words, clean=False))
    read = list(labelled(whole, args.data, SETS))
    rows.append(("bodies instead of leads, to the encoder", figures(read, variants()[0][1], {})))
    print(rows[-1], flush=True)
    model, day = f"{args.model}-{args.precision}", time.strftime("%Y-%m-%d")
    body: dict[str, Any] = {"machine": describe(), "model": model, "date": day, "rows": dict(rows)}
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "ablate_signals.json").write_text(json.dumps(body, indent=1, ensure_ascii=False) + "\n")
    said = f"`python benchmarks/ablate_signals.py`, {model}, 5 folds by topic."
    (RESULTS / "ablate_signals.md").write_text(f"# What each signal brings\n\n{said}\n\n{table(rows)}\n")


if __name__ == "__main__":
    main()
