"""Small closed word classes that the facts of a text are read with."""

from __future__ import annotations


def _forms(table: dict[float, str]) -> dict[str, float]:
    return {word: value for value, listed in table.items() for word in listed.split()}


NUMBER_WORDS = _forms(
    {
        1: "one один одна одно одного одной",
        2: "two два две двух двум двумя двое двоих",
        3: "three три трёх трех трём трем тремя трое троих",
        4: "four четыре четырёх четырех четырьмя четверо четверых",
        5: "five пять пяти пятью пятеро пятерых",
        6: "six шесть шести шестеро шестерых",
        7: "seven семь семи семеро семерых",
        8: "eight восемь восьми",
        9: "nine девять девяти",
        10: "ten десять десяти",
        11: "eleven одиннадцать одиннадцати",
        12: "twelve двенадцать двенадцати",
        13: "thirteen тринадцать тринадцати",
        14: "fourteen четырнадцать четырнадцати",
        15: "fifteen пятнадцать пятнадцати",
        16: "sixteen шестнадцать шестнадцати",
        17: "seventeen семнадцать семнадцати",
        18: "eighteen восемнадцать восемнадцати",
        19: "nineteen девятнадцать девятнадцати",
        20: "twenty двадцать двадцати",
        30: "thirty тридцать тридцати",
        40: "forty сорок сорока",
        50: "fifty пятьдесят пятидесяти",
        60: "sixty шестьдесят шестидесяти",
        70: "seventy семьдесят семидесяти",
        80: "eighty восемьдесят восьмидесяти",
        90: "ninety девяносто",
        100: "hundred сто ста сотня",
        500_000: "полмиллиона полумиллиона",
    }
)

MAGNITUDES = _forms(
    {
        1e3: "thousand тысяч тысячи тысяча тысячам тыс k",
        1e6: "million millions m mln mn миллион миллиона миллионов млн",
        1e9: "billion billions b bn bln миллиард миллиарда миллиардов млрд",
        1e12: "trillion trillions tn trn триллион триллиона триллионов трлн",
    }
)

MAGNITUDE_STEMS = {"тысячн": "тысяч", "миллионн": "миллионов", "миллиардн": "миллиардов", "триллионн": "триллионов"}

# Currencies and measures by the words that stand beside an amount; what several countries call a dollar is one.
UNITS = {
    word: code
    for code, listed in {
        "USD": "dollar dollars dlrs usd доллар доллара долларов долл",
        "EUR": "euro euros eur евро",
        "GBP": "pound pounds stg gbp фунт фунта фунтов",
        "RUB": "rouble roubles ruble rubles rub рубль рубля рублей руб",
        "UAH": "hryvnia hryvnias uah гривна гривны гривен грн",
        "JPY": "yen jpy иена иены иен",
        "CNY": "yuan cny юань юаня юаней",
        "CHF": "franc francs chf франк франка франков",
        "kg": "kg kilo kilos kilogram kilograms kilogramme kilogrammes кг килограмм килограмма килограммов",
        "lb": "lb lbs",
        "t": "ton tons tonne tonnes тонна тонны тонн",
        "km": "km kilometer kilometers kilometre kilometres км километр километра километров",
        "mi": "mile miles миля мили миль",
        "m": "meter meters metre metres метр метра метров",
        "ft": "foot feet ft фут фута футов",
    }.items()
    for word in listed.split()
}
SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "₽": "RUB", "₴": "UAH", "¥": "JPY"}

# Short forms of names, as they are written, and what they stand for. In capitals only: "us" is a pronoun.
ALIASES = {
    "РФ": "Россия",
    "США": "USA",
    "US": "USA",
    "ЕС": "Евросоюз",
    "КНР": "Китай",
    "КНДР": "Корея",
    "ФРГ": "Германия",
    "UK": "Britain",
}

MONTHS = {
    word: month
    for month, listed in enumerate(
        """january jan январь января январе|february feb февраль февраля феврале|march март марта марте
        |april апрель апреля апреле|may май мая мае|june июнь июня июне|july июль июля июле
        |august aug август августа августе|september sept сентябрь сентября сентябре
        |october oct октябрь октября октябре|november nov ноябрь ноября ноябре
        |december dec декабрь декабря декабре""".split("|"),
        start=1,
    )
    for word in listed.split()
}

# A headline with one of these may turn the order of who did what to whom around without changing it.
PASSIVE = frozenset(
    """by was were been being beaten lost loses lose defeated sued
    подвергся подверглась подверглось подверглись проиграл проиграла проиграло проиграли уступил уступила уступило
    уступили""".split()
)

# Words with which a later report corrects the count of an earlier one.
UPDATES = frozenset("now toll climbs climbed jumps теперь уже выросло вырос возросло увеличилось".split())

# Words right before a number that is not meant exactly: about 30, more than 70, почти на 100.
ROUGHLY = frozenset(
    """about around nearly almost over some roughly approximately circa than least
    около более больше свыше почти порядка примерно приблизительно менее""".split()
)

PERCENT = frozenset("""% percent pct per-cent процент процента процентов проценте процентных""".split())

PEOPLE = frozenset(
    """people persons men women children dead killed injured wounded hurt missing died victims deaths patients
    passengers workers miners residents arrested detained infected rescued evacuated человек человека людей
    погибли погибших погиб пострадали пострадавших ранены раненых пропали детей жителей рабочих задержаны
    задержанных пассажиров заразились заболевших эвакуированы спасены""".split()
)

NEGATIONS = frozenset(
    """not no never none nobody nothing neither nor without cannot denies denied deny refuses refused refuse
    rejects rejected reject fails failed не нет ни никогда никто ничего без нельзя отказался отказалась
    отказались отказывается отверг отвергла отвергли отклонил отклонила отклонили опроверг
    опровергла опровергли""".split()
)

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
    """in at on from near over after before through в во на из из-за за под над около после до у через по""".split()
)

# What binds two names that do something together, right behind the first.
JOINING = frozenset("and with und mit et avec y con e com ve и с со та з".split())

# Beginnings of verbs of saying: who says it may stand before or behind what is said.
SAYING = tuple(
    """say said tell told announc report stat claim warn explain reveal admit
    сказа говор заяв сооб расс назва назыв счит объяс призн раскр увер отмет предуп""".split()
)

# Beginnings of verbs that say the same of both sides, whichever of the two a headline names first.
MUTUAL = tuple(
    """meet met talk call phone speak spoke discuss agree visit host receiv welcom join sign return play drew draws tie
    marr wed date dating divorc merg part split negotiat
    встре перег обсуд догов созв погов бесед согла посе приня прибы прие прил подп верн перех возгл сыгра игра ничь
    жен разв объед рассм интер заинт""".split()
)
