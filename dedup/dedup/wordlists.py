"""Small closed word classes that the facts of a text are read with."""

from __future__ import annotations

from functools import cache

# Short forms of names, as they are written, and what they stand for. In capitals only: "us" is a pronoun.
ALIASES = {
    short: name
    for name, listed in {
        "USA": "US США EEUU",
        "Britain": "UK",
        "Россия": "РФ",
        "Китай": "КНР",
        "Корея": "КНДР",
        "Германия": "ФРГ",
        "Евросоюз": "ЕС EU UE ЄС",
        "UN": "ООН ONU",
        "NATO": "OTAN",
        "IMF": "МВФ FMI IWF",
        "WHO": "WHO ВОЗ ВООЗ OMS",
        "WTO": "ВТО СОТ OMC",
        "ECB": "ЕЦБ ЄЦБ BCE EZB",
        "FBI": "ФБР",
        "CIA": "ЦРУ",
    }.items()
    for short in listed.split()
}

# A headline with one of these may turn the order of who did what to whom around without changing it.
PASSIVE = frozenset(
    """by was were been being beaten lost loses lose defeated sued
    подвергся подверглась подверглось подверглись проиграл проиграла проиграло проиграли уступил уступила уступило
    уступили""".split()
)

# Words with which a later report corrects the count of an earlier one.
UPDATES = frozenset("now toll climbs climbed jumps теперь уже выросло вырос возросло увеличилось".split())

# Words that turn a sentence round, by language: "no" denies in English, and means "in the" in Portuguese.
_NEGATING = {
    lang: frozenset(listed.split())
    for lang, listed in {
        "en": "not no never none nobody nothing neither nor without cannot",
        "ru": "не нет ни никогда никто ничего без нельзя",
        "uk": "не ні немає ніколи ніхто нічого без",
        "de": "nicht nie kein keine keinen keiner keinem niemand nichts ohne",
        "fr": "pas jamais aucun aucune sans",
        "es": "no nunca sin ningún ninguna nadie",
        "it": "non mai senza nessun nessuna nessuno",
        "pt": "não nunca sem nenhum nenhuma ninguém",
        "pl": "nie bez nigdy nikt",
        "nl": "niet geen nooit zonder",
        "sv": "inte ingen inga aldrig utan",
        "cs": "ne není bez nikdy",
        "tr": "değil yok",
    }.items()
}
# Verbs that hold a negation, whatever the language.
_REFUSING = frozenset(
    """denies denied deny refuses refused refuse rejects rejected reject fails failed отказался отказалась отказались
    отказывается отверг отвергла отвергли отклонил отклонила отклонили опроверг опровергла опровергли""".split()
)
NEGATIONS = _REFUSING.union(*_NEGATING.values())


def negating(lang: str) -> frozenset[str]:
    """The words that turn a sentence of this language round; of an unknown one those of English and Russian."""
    return _NEGATING.get(lang, _NEGATING["en"] | _NEGATING["ru"])


@cache
def negations(lang: str) -> frozenset[str]:
    """The same, and the verbs that hold a negation: "denies"."""
    return negating(lang) | _REFUSING


# Two words that deny nothing: "not only", «не менее 14».
NOT_NEGATED = frozenset(
    (first, second)
    for first, listed in {"not": "only just", "не": "менее более только меньше"}.items()
    for second in listed.split()
)

# Languages whose headlines write only names (German: nouns) with a capital, unless all of it is in capitals.
SMALL_HEADLINES = frozenset("ru uk be bg sr de fr es it pt pl cs sk sl hr nl sv da no fi ro hu el".split())

# Endings of English words that hold a negation.
CONTRACTED = ("n't", "n’t")

# Between a word and a number they make one name of the two.
HYPHENS = ("-", "\u2010", "\u2011")

# Those that deny the word right after them.
DENIALS = frozenset("not never cannot не".split())

# Words that open sentences with a capital letter without being names.
STARTERS = frozenset(
    """a an the this that these those it its he she they we i you his her their our my in on at by for from with
    without to of as and but or if when while where after before since until during over under about into two
    three four five six seven eight nine ten more most many some all both each no not one other another there
    here what who how why which new first last now today yesterday tomorrow monday tuesday wednesday thursday
    friday saturday sunday january february march april may june july august september october november december
    police government officials president minister according also however meanwhile earlier later still even
    just only despite against among between because в во на по за из от до с со к ко у о об при под над без для
    через после перед между это этот эта эти тот та те он она оно они мы вы я его ее её их наш мой и а но или
    если когда пока где как что кто чем так также тоже ещё еще уже не нет ни все всё каждый новый новая новые
    первый первая сегодня вчера завтра понедельник вторник среда четверг пятница суббота воскресенье января
    февраля марта апреля мая июня июля августа сентября октября ноября декабря полиция правительство президент
    министр ранее позднее однако тем по-прежнему согласно""".split()
)

# What stands before the name of a place or of a means, and binds it wherever it stands in a headline.
PREPOSITIONS = frozenset(
    """in at on from near over after before through в во на из из-за за под над около после до у через по від під біля
    bei aus nach auf à aux dans ad da di em na nas w ze pod koło""".split()
)

ARTICLES = frozenset(
    "a an the der die das den dem ein eine einen einem le la les un une el los las una il lo gli uno".split()
)

# What stands behind a preposition like a place and is none.
NOWHERE = frozenset("сети сеть интернете интернет youtube instagram facebook twitter telegram tiktok земле".split())

# What binds two names that do something together, right behind the first.
JOINING = frozenset("and with und mit et avec y con e com ve и с со та з".split())

# Endings of Russian cases in which nobody acts: who stands in them in both headlines has one part in both.
OBLIQUE = tuple("ом ем ём ой ей ым им ами ями ах ях ому ему ого его".split())

# What begins another clause: the name behind it is not what the verb before it acts on.
CLAUSES = frozenset(
    """as after when while since because amid despite until if that whose
    после когда пока поскольку потому если хотя что из-за""".split()
)

# Beginnings of verbs of saying: who says it may stand before or behind what is said.
SAYING = tuple(
    """say said tell told announc report stat claim warn explain reveal admit
    сказа говор заяв сооб расс назва назыв счит объяс призн раскр увер отмет предуп""".split()
)

# Beginnings of verbs that say that something is known now: in a headline one stands for another.
FINDING = tuple(
    """find found discov detect identif uncover spot diagnos
    найд нашл обнар выяв устан откры опред диагн выясн переч""".split()
)

# Beginnings of verbs whose subject, wherever it stands, does nothing to anybody.
ALONE = tuple("die died dead resign retire умер умир сконч погиб зараз забол родил".split())

# Beginnings of verbs that say the same of both sides, whichever of the two a headline names first.
MUTUAL = tuple(
    """meet met talk call phone speak spoke discuss agree visit host receiv welcom join sign return play drew draws tie
    marr wed date dating divorc merg part split negotiat deal contract extend reach
    встре перег обсуд догов созв погов бесед согла посе приня прибы прие прил подп верн перех возгл сыгра игра ничь
    жен разв объед рассм интер заинт контракт продл""".split()
)
