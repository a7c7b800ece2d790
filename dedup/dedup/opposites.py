"""Headlines that decide the same thing in opposite ways: "approves" and "rejects", «подтвердил» and «опроверг».

To an encoder the two are near synonyms, and what stands below is often alike, so neither the cosine nor the words tell
them apart. Pure: facts of two headlines in, the two words out.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from dedup.profile import Facts, Profile, stem
from dedup.sides import Side
from dedup.wordlists import negating

# Letters from which on a listed word is the beginning of many; a shorter one is meant as it stands.
BEGINNING = 5
# Words that undo what stands behind them ("lifts ban"), so that a headline with one of them has no clear side.
UNDOING = frozenset(
    """against lift lifts lifted lifting ends ended eases против снял сняли отменил отменили отмена скасував aufgehoben
    hebt gegen lève contre contro toglie revoca contra levanta przeciw zniósł проти""".split()
)
# For each kind of decision words for it, and words for its contrary. Of two words, joined by "_", the second may stand
# anywhere behind the first.
_LISTED = {
    "approval": (
        """accept adopt ratif pass passes passed green_light go-ahead одобр
        принял_зако принял_бюд принял_попр принял_резо приняли_зако приняли_бюд приняли_попр приняли_резо приняла_зако
        приняла_бюд приняла_попр приняла_резо утверд ратифиц схвал ухвал прийняла_зако прийняли_зако затверд ратифік
        genehmig bewillig beschließ beschloss verabschied stimmt_zu grünes_licht approuv feu_vert aprueb aproba aprobó
        luz_verde approv via_libera aprova zatwierdz uchwal przyjął przyjęł przyjęt przyjm zielone_światło onayla
        kabul_ed kabul_et keurt_goed goedgekeurd godkän antog antar schvál""",
        """reject turn_down turns_down turned_down throws_out voted_down veto vetoes отклон отверг ветир відхил відкину
        ablehn abgelehn lehnt lehnen rejet retoqu rechaz bocci respin rejeit chumb odrzuc zawetow reddet verwerp
        wijst_af afgewezen avslå avslog zamít""",
    ),
    "permission": (
        """allow permit authori legali разреш легализ дозвол легаліз erlaub gestatt freigegeben gibt_frei grünes_licht
        autoris feu_vert autoriz luz_verde permett via_libera zezwol zezwal zielone_światło izin_ver green_light tillåt
        toestaan staat_toe toegestaan povol""",
        """ban bans banned banning forbid forbade outlaw запрет запрещ заборон untersag verbiet verbot
        interdi prohíb prohib viet vieta proíb proib zakaz zabron zabran yasakla verbied verbood förbjud
        zakáz""",
    ),
    "statement": (
        """confirm подтверд підтверд bestätig conferm potwierdz doğrula bevestig bekräft potvrd""",
        """denies denied deny denying refut опроверг опроверж спросту запереч dementier bestreit dément desmien desment
        desmint descart smenti esclud zaprzecz dementuj yalanla ontken dementera vyvrát""",
    ),
    "ruling": (
        "uphold upheld bestätig confirme confirma conferma utrzym podtrzym",
        "quash overturn annul strikes_down struck_down скасув uchyl",
    ),
    "appeal": (
        """granted удовлетвор задоволь gibt_recht gibt_statt stattgegeben accueill accogli accolt acolhe uwzględni
        haklı_bul""",
        """dismiss отклон отказал відмов відхил weist_ab abgewiesen déboute desestim rechaz respin indefer oddalił
        reddet""",
    ),
    "verdict": (
        """acquit clears cleared оправда виправда freigesproch spricht_frei relaxe relaxé absuel absolv assol uniewinn
        beraat""",
        "convict jails jailed sentenc осудил осужд приговорил приговорен засуд verurteil condamn conden condann skaza",
    ),
    "operation": (
        "resum restor возобнов восстан віднов wieder_auf repren reanud riprend riprist retom wznow wznaw",
        """suspend halts halted приостан прекра призуп припин gesperrt eingestellt interromp sospend wstrzym
        zawies""",
    ),
    "course": (
        """raise hike hikes hiked rise rises rose grow grows grew jump jumps climb soar gain gains повыси
        подня вырос увелич подорож підвищ зріс зроста steig erhöh augment hauss grimp sube suben subió aument sobe subi
        salgono cresc wzrost wzrosł wzrósł rośnie podnios podnosi podwyż arttı artış artır yüksel""",
        """cut cuts lower fall falls fell drop drops slump declin plung lose loses сниз сниж пониз упал
        упали сократ подешев знизи знижу впав sink sinkt senkt fällt fallen baiss recul diminu chute baja bajan
        bajó cae caen desce cai caem corta cala calano tagli reduz spada spadł obniż düştü düşü azal""",
    ),
}
# Only under headlines of one template: elsewhere one thing rises while, or because, another falls.
_NARROW = frozenset({"operation", "course"})

# "l'interdit", "d'approvazione".
_ELIDED = re.compile(r"^[a-z]{1,2}['’]")

_Side = tuple[frozenset[str], tuple[str, ...], frozenset[tuple[str, str]]]


def _side(listed: str) -> _Side:
    single = [word for word in listed.split() if "_" not in word]
    double = [word.split("_") for word in listed.split() if "_" in word]
    exact = frozenset(word for word in single if len(word) < BEGINNING)
    beginnings = tuple(word for word in single if len(word) >= BEGINNING)
    return exact, beginnings, frozenset((first, second) for first, second in double)


_DECISIONS = {kind: (_side(one), _side(other)) for kind, (one, other) in _LISTED.items()}


@dataclass(frozen=True, slots=True)
class Stance:
    """A word, or two, with which a headline decides something for or `against` it."""

    kind: str
    against: bool
    said: str


def opposed(a: Side, b: Side, *, alike: bool) -> tuple[str, str] | None:
    """The words with which two headlines decide in opposite ways, or `None`.

    alike: they are of one template; otherwise two articles that both know of both sides are of one event. Of 60,000
    pairs (labelled ones, and those of two days of news that the probability joins) no true one has such words.
    """
    title_a, title_b = a.profile.title, b.profile.title
    decided_a, decided_b = stances(title_a.words), stances(title_b.words)
    if not decided_a or not decided_b or _turned(title_a, a.lang) or _turned(title_b, b.lang):
        return None
    only_a, only_b = _own(decided_a, title_b, alike=alike), _own(decided_b, title_a, alike=alike)
    # A headline with two such words ("approves a ban") has no clear side.
    if len({one.said for one in only_a}) != 1 or len({one.said for one in only_b}) != 1:
        return None
    for one in only_a:
        for other in only_b:
            if one.kind != other.kind or one.against == other.against:
                continue
            if alike or not (_says(a.profile, other) and _says(b.profile, one)):
                return one.said, other.said
    return None


@lru_cache(maxsize=65536)
def stances(words: tuple[str, ...]) -> tuple[Stance, ...]:
    """What a headline decides; one word may be of several kinds."""
    found = (
        Stance(kind, against, said)
        for kind, sides in _DECISIONS.items()
        for against, side in zip((False, True), sides, strict=True)
        for said in _said(words, side)
    )
    return tuple(dict.fromkeys(found))


def _turned(title: Facts, lang: str) -> bool:
    """Whether a headline undoes or denies something, maybe what it decides."""
    return not UNDOING.isdisjoint(title.word_set) or not negating(lang).isdisjoint(title.word_set)


def _own(decided: Iterable[Stance], other: Facts, *, alike: bool) -> list[Stance]:
    """Those in words that the other headline has in no form."""
    known = {stem(word) for word in other.words}
    return [
        one
        for one in decided
        if (alike or one.kind not in _NARROW) and not known.issuperset(map(stem, one.said.split()))
    ]


def _says(article: Profile, wanted: Stance) -> bool:
    """Whether an article has any word of that side of the decision."""
    return any(True for _ in _said(article.whole.words, _DECISIONS[wanted.kind][wanted.against]))


def _said(words: tuple[str, ...], side: _Side) -> Iterator[str]:
    """The words, and pairs of words, of one side among these."""
    exact, beginnings, double = side
    words = tuple(_ELIDED.sub("", word) for word in words)
    yield from (word for word in words if word in exact or word.startswith(beginnings))
    for place, first in enumerate(words):
        for one, other in double:
            if first == one:  # "gibt … frei"
                yield from (f"{first} {word}" for word in words[place + 1 :] if word.startswith(other))
