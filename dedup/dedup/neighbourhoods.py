"""Which stories must be weighed together, and how their articles group: reads the database, changes nothing.

A neighbourhood is what hangs together by stored joins and by present stories. Its groups follow from its articles,
never from the order they came in, so that the same articles end in the same stories.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from dedup import _queries as queries
from dedup.clustering import Pair, Rules, agglomerate, components, lend
from dedup.feedback import Constraints, Word, standing
from dedup.pairs import Pairs
from dedup.store import ArticleRow, MatchRow, MembershipRow
from dedup.stories import StoryLimits, link_refusal, mean_probability, spread
from dedup.verdict import Verdict

# Where a neighbourhood is too large to weigh every pair of it, only joins of at least these probabilities hold it
# together; the parts are weighed one against the other afterwards.
STEPS = (0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
# Articles from which on no further neighbours are looked for.
REACH = 5000


@dataclass(frozen=True, slots=True)
class Neighbourhood:
    """Whole stories with the joins between and inside them, as they were read.

    stories: article ids by story id. joins: probability by pair. revisions: of each article. words: of editors.
    """

    stories: Mapping[int, tuple[int, ...]]
    joins: Mapping[Pair, float]
    revisions: Mapping[int, int]
    words: tuple[Word, ...]

    @property
    def articles(self) -> list[int]:
        return sorted(id_ for members in self.stories.values() for id_ in members)

    @property
    def story_of(self) -> dict[int, int]:
        return {id_: story for story, members in self.stories.items() for id_ in members}

    def is_current(self, session: Session) -> bool:
        """Whether nothing of it has changed since it was read."""
        now = read_members(session, self.stories)
        ids = self.articles
        return (
            now == self.stories
            and queries.revisions(session, ids) == self.revisions
            and tuple(standing(session, ids)) == self.words
        )


@dataclass(frozen=True, slots=True)
class Grouping:
    """The groups of a neighbourhood's articles, each in time order; pairs inside them that join."""

    groups: tuple[tuple[int, ...], ...]
    ties: dict[Pair, str | None] = field(default_factory=dict)


def read(session: Session, seeds: Collection[int], reach: timedelta) -> list[Neighbourhood]:
    """The neighbourhoods of these articles, each article in one; `reach` is how far in time they may stretch."""
    times: list[datetime] = []
    for part in queries.chunks(sorted(seeds)):
        times += session.scalars(select(ArticleRow.at).where(ArticleRow.id.in_(part)))
    if not times:
        return []
    inside = (ArticleRow.at >= min(times) - reach, ArticleRow.at <= max(times) + reach)
    stories: dict[int, tuple[int, ...]] = {}
    joins: dict[Pair, float] = {}
    known: set[int] = set()
    waiting = _story_ids(session, seeds)
    while waiting:
        found = read_members(session, waiting)
        stories.update(found)
        news = {id_ for members in found.values() for id_ in members}
        known |= news
        near = read_joins(session, news)
        joins.update(near)
        beyond = sorted({id_ for pair in near for id_ in pair} - known)
        # Whatever the reach: what an editor has just put together may lie in two stories that nothing else connects.
        tied = {id_ for word in standing(session, news) for pair in word.together() for id_ in pair}
        waiting = _story_ids(session, tied - known) - stories.keys()
        if len(known) < REACH:
            for part in queries.chunks(beyond):
                query = (
                    select(MembershipRow.story_id)
                    .join(ArticleRow, ArticleRow.id == MembershipRow.article_id)
                    .where(MembershipRow.article_id.in_(part), *inside)
                )
                waiting.update(session.scalars(query))
            waiting -= stories.keys()
    joins = {pair: probability for pair, probability in joins.items() if known.issuperset(pair)}
    return _separate(session, stories, joins)


def read_members(session: Session, story_ids: Iterable[int]) -> dict[int, tuple[int, ...]]:
    """Article ids of each story, sorted; a story without any is there too."""
    found: dict[int, list[int]] = {story_id: [] for story_id in story_ids}
    for part in queries.chunks(sorted(found)):
        query = select(MembershipRow.story_id, MembershipRow.article_id).where(MembershipRow.story_id.in_(part))
        for story_id, article_id in session.execute(query):
            found[story_id].append(article_id)
    return {story_id: tuple(sorted(members)) for story_id, members in found.items()}


def group(hood: Neighbourhood, pairs: Pairs, limits: StoryLimits, *, most: int, sample: int) -> Grouping:
    """How the articles of a neighbourhood, brought into `pairs`, group.

    Args:
        most: articles of which every pair is weighed; a larger neighbourhood is weighed in parts, and groups of two
            parts by `sample` articles of each.
    """
    constraints = Constraints.of(hood.words)
    rules = Rules(
        limits.min_mean_probability, limits.max_conflict_share, limits.max_size_articles, limits.max_span_hours
    )
    made: list[tuple[int, ...]] = []
    origin: list[int] = []
    ties: dict[Pair, str | None] = {}
    parts = split(hood.articles, hood.joins, constraints.must, most, pairs)
    for number, ids in enumerate(parts):
        must, cannot = constraints.inside(ids)
        table = pairs.table(ids)
        lent = lend(table, components(len(ids), must)) if must else table
        for places in agglomerate(pairs.items(ids), lent, rules, must=must, cannot=cannot):
            made.append(tuple(ids[place] for place in places))
            origin.append(number)
            square = np.ix_(places, places)
            for i, j in np.argwhere(np.triu(table.joins[square], 1)):
                a, b = sorted((made[-1][i], made[-1][j]))
                ties[a, b] = None
    if len(parts) > 1:
        made = _weld(made, origin, hood.joins, constraints, pairs, limits, sample, ties)
    ties.update({pair: f"an editor put them together (feedback {said})" for pair, said in constraints.must.items()})
    return Grouping(tuple(made), ties)


def split(
    ids: Sequence[int], joins: Mapping[Pair, float], must: Iterable[Pair], most: int, pairs: Pairs
) -> list[list[int]]:
    """Parts of at most `most` articles that hang together by ever stronger joins; the last resort is a cut by time."""
    waiting = [(list(ids), 0)]
    parts = []
    while waiting:
        part, step = waiting.pop()
        if len(part) <= most:
            parts.append(part)
        elif step < len(STEPS):
            place = {id_: number for number, id_ in enumerate(part)}
            held = [pair for pair, probability in joins.items() if probability >= STEPS[step]]
            edges = [(place[a], place[b]) for a, b in (*held, *must) if a in place and b in place]
            waiting += [([part[n] for n in places], step + 1) for places in components(len(part), edges)]
        else:
            part.sort(key=lambda id_: (pairs.known(id_).at, pairs.known(id_).key))
            parts += [sorted(part[start : start + most]) for start in range(0, len(part), most)]
    return sorted(parts)


def _weld(
    groups: list[tuple[int, ...]],
    origin: Sequence[int],
    joins: Mapping[Pair, float],
    constraints: Constraints,
    pairs: Pairs,
    limits: StoryLimits,
    sample: int,
    ties: dict[Pair, str | None],
) -> list[tuple[int, ...]]:
    """Join groups of different parts, those of the best mean evidence first, as long as there are any."""

    def ordered(ids: Iterable[int]) -> tuple[int, ...]:
        return tuple(sorted(ids, key=lambda id_: (pairs.known(id_).at, pairs.known(id_).key)))

    # Editors' words first: they hold across parts too.
    label = {id_: number for number, members in enumerate(groups) for id_ in members}
    bound = components(len(groups), [(label[a], label[b]) for a, b in constraints.must if a in label and b in label])
    live = {places[0]: ordered(id_ for place in places for id_ in groups[place]) for places in bound}
    from_parts = {places[0]: {origin[place] for place in places} for places in bound}
    label = {id_: number for number, members in live.items() for id_ in members}
    apart = [(a, b) for a, b in constraints.cannot if a in label and b in label]
    links: dict[Pair, tuple[float, Pair] | None] = {}

    def link(one: int, other: int) -> tuple[float, Pair] | None:
        """Mean evidence and strongest pair of two groups that may be one."""
        first, second = live[one], live[other]
        if from_parts[one] & from_parts[other] or any({label[a], label[b]} == {one, other} for a, b in apart):
            return None
        between = [(a, b) for a in spread(first, sample) for b in spread(second, sample)]
        weights = [pairs.weight(a, b) for a, b in between]
        times = [pairs.known(id_).at for id_ in (first[0], first[-1], second[0], second[-1])]
        span = (max(times) - min(times)).total_seconds() / 3600
        if link_refusal(weights, size=len(first) + len(second), span_hours=span, limits=limits):
            return None
        strongest = max(between, key=lambda pair: (pairs.weight(*pair).joins, pairs.weight(*pair).probability))
        return mean_probability(weights), strongest

    near: dict[int, set[int]] = defaultdict(set)
    for a, b in joins:
        if label[a] != label[b]:
            near[label[a]].add(label[b])
            near[label[b]].add(label[a])
    fresh = {(min(a, b), max(a, b)) for a, others in near.items() for b in others}
    while True:
        links.update({pair: link(*pair) for pair in sorted(fresh)})
        open_ = [(-found[0], pair) for pair, found in links.items() if found is not None]
        if not open_:
            return sorted(live.values(), key=lambda members: (pairs.known(members[0]).at, pairs.known(members[0]).key))
        _, (kept, gone) = min(open_)
        found = links[kept, gone]
        assert found is not None
        a, b = sorted(found[1])
        ties[a, b] = None
        live[kept] = ordered((*live[kept], *live.pop(gone)))
        from_parts[kept] |= from_parts.pop(gone)
        label.update(dict.fromkeys(live[kept], kept))
        links = {pair: value for pair, value in links.items() if gone not in pair and kept not in pair}
        near[kept] = (near[kept] | near.pop(gone)) - {kept, gone}
        for other in near[kept]:
            near[other] = (near[other] - {gone}) | {kept}
        fresh = {(min(kept, other), max(kept, other)) for other in near[kept]}


def _separate(
    session: Session, stories: Mapping[int, tuple[int, ...]], joins: Mapping[Pair, float]
) -> list[Neighbourhood]:
    names = sorted(stories)
    place = {id_: number for number, story in enumerate(names) for id_ in stories[story]}
    revisions = queries.revisions(session, sorted(place))
    words = standing(session, place)
    tied = Constraints.of(words).must
    edges = [(place[a], place[b]) for a, b in (*joins, *tied) if a in place and b in place]
    hoods = []
    for places in components(len(names), edges):
        inside = {names[number]: stories[names[number]] for number in places}
        ids = {id_ for members in inside.values() for id_ in members}
        hoods.append(
            Neighbourhood(
                inside,
                {pair: probability for pair, probability in joins.items() if pair[0] in ids},
                {id_: revisions[id_] for id_ in sorted(ids)},
                tuple(word for word in words if ids.intersection((*word.sides[0], *word.sides[1]))),
            )
        )
    return hoods


def _story_ids(session: Session, articles: Collection[int]) -> set[int]:
    found: set[int] = set()
    for part in queries.chunks(sorted(articles)):
        found.update(session.scalars(select(MembershipRow.story_id).where(MembershipRow.article_id.in_(part))))
    return found


def read_joins(session: Session, articles: Collection[int]) -> dict[Pair, float]:
    """The stored joins of these articles with any others, and how sure they were."""
    found: dict[Pair, float] = {}
    for part in queries.chunks(sorted(articles)):
        query = select(MatchRow.article_id, MatchRow.other_id, MatchRow.probability).where(
            MatchRow.verdict != Verdict.DISTINCT.value,
            or_(MatchRow.article_id.in_(part), MatchRow.other_id.in_(part)),
        )
        for a, b, probability in session.execute(query):
            found[min(a, b), max(a, b)] = probability
    return found
