"""Words that numbers are read with: magnitudes, units, months, marks of time.

English and Russian have every class; Arabic, Chinese, Czech, Dutch, French, German, Italian, Japanese, Korean, Polish,
Portuguese, Spanish, Swedish, Turkish and Ukrainian those that tell one number from another. A word that means something
else in another of these languages ("once" is eleven, and English) is left out.
"""

from __future__ import annotations


def _forms(table: dict[float, str]) -> dict[str, float]:
    return {word: value for value, listed in table.items() for word in listed.split()}


NUMBER_WORDS = _forms(
    {
        1: "one один одна одно одного одной",
        2: "two два две двух двум двумя двое двоих zwei deux дві двоє dwóch twee två",
        3: "three три трёх трех трём трем тремя трое троих drei trois trzy trzech drie üç",
        4: "four четыре четырёх четырех четырьмя четверо четверых vier quatre cuatro quattro quatro чотири cztery dört",
        5: "five пять пяти пятью пятеро пятерых fünf cinq cinco cinque п'ять п’ять pięć vijf beş",
        6: "six шесть шести шестеро шестерых sechs шість sześć seis altı",
        7: "seven семь семи семеро семерых sieben siete sette сім siedem zeven yedi",
        8: "eight восемь восьми acht huit ocho oito вісім osiem sekiz",
        9: "nine девять девяти neun nueve nove дев'ять дев’ять dziewięć negen dokuz",
        10: "ten десять десяти zehn diez dez dieci dziesięć tien",
        11: "eleven одиннадцать одиннадцати onze undici",
        12: "twelve двенадцать двенадцати zwölf douze doce dodici doze",
        13: "thirteen тринадцать тринадцати",
        14: "fourteen четырнадцать четырнадцати",
        15: "fifteen пятнадцать пятнадцати",
        16: "sixteen шестнадцать шестнадцати",
        17: "seventeen семнадцать семнадцати",
        18: "eighteen восемнадцать восемнадцати",
        19: "nineteen девятнадцать девятнадцати",
        20: "twenty двадцать двадцати zwanzig vingt veinte venti vinte",
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

# Behind a number, in English: there a comma parts thousands, in the other languages a fraction.
ENGLISH_MAGNITUDES = _forms(
    {
        1e3: "thousand k",
        1e5: "lakh lakhs",
        1e6: "million millions m mln mn",
        1e7: "crore crores cr",
        1e9: "billion billions b bn bln",
        1e12: "trillion trillions tn trn",
    }
)
MAGNITUDES = ENGLISH_MAGNITUDES | _forms(
    {
        1e3: """тысяч тысячи тысяча тысячам тыс tausend mil mille mila tisíc tisíce tysiąc tysiące tysięcy tys
            duizend tusen bin тисяч тисячі тисяча тис ألف آلاف الف""",
        1e6: """миллион миллиона миллионов млн millionen mio millón millones milione milioni milhão milhões milion
            miliony milionów milionů miljoen miljon miljoner milyon мільйон мільйона мільйони мільйонів
            مليون ملايين""",
        1e9: """миллиард миллиарда миллиардов млрд milliarde milliarden mrd milliard milliards miliardo miliardi
            bilhão bilhões miliard miliardy miliardów miliarda miljard miljarder milyar мільярд мільярда мільярди
            мільярдів مليار مليارات""",
        1e12: "триллион триллиона триллионов трлн billionen billón billones trilhão trilhões bilionů biljoen trilyon",
    }
)
# The beginnings of words that hold a magnitude: adjectives, Turkish endings, and what is written without spaces.
MAGNITUDE_STEMS = {
    "тысячн": 1e3,
    "миллионн": 1e6,
    "миллиардн": 1e9,
    "триллионн": 1e12,
    "milyon": 1e6,
    "milyar": 1e9,
    "trilyon": 1e12,
    "万亿": 1e12,
    "亿": 1e8,
    "億": 1e8,
    "억": 1e8,
    "万": 1e4,
    "萬": 1e4,
    "만": 1e4,
    "兆": 1e12,
    "조": 1e12,
}
# What may stand between an amount and its unit: "millones de dólares", "milioni di euro".
OF = frozenset("de di d".split())

# Currencies and measures by the words that stand beside an amount; what several countries call a dollar is one.
UNITS = {
    word: code
    for code, listed in {
        "USD": """dollar dollars dlrs usd доллар доллара долларов долл dólar dólares dollari dolarů dolarów dolar
            доларів долара""",
        "EUR": "euro euros eur евро євро avro",
        "GBP": """pound pounds stg gbp фунт фунта фунтов pfund libras sterline livres funtów liber sterlin
            sterlinlik фунтів фунта""",
        "RUB": "rouble roubles ruble rubles rub рубль рубля рублей руб rubel rublos rubli rublów рублів",
        "UAH": "hryvnia hryvnias uah гривна гривны гривен грн гривень гривні hrywien",
        "JPY": "yen jpy иена иены иен",
        "CNY": "yuan cny юань юаня юаней",
        "CHF": "franc francs chf франк франка франков franken",
        "INR": "rupee rupees inr рупий рупии",
        "KZT": "tenge kzt тенге",
        "kg": "kg kilo kilos kilogram kilograms kilogramme kilogrammes кг килограмм килограмма килограммов",
        "lb": "lb lbs",
        "t": "ton tons tonne tonnes тонна тонны тонн tonnen toneladas tonnellate ton тон",
        "km": """km kilometer kilometers kilometre kilometres км километр километра километров kilómetros
            kilomètres chilometri quilômetros quilómetros kilometrów кілометрів""",
        "mi": "mile miles миля мили миль",
        "m": "meter meters metre metres метр метра метров mètres metros metri metrów метрів",
        "ft": "foot feet ft фут фута футов",
    }.items()
    for word in listed.split()
}
SYMBOLS = {"$": "USD", "€": "EUR", "£": "GBP", "₽": "RUB", "₴": "UAH", "¥": "JPY", "₹": "INR"}
# Currencies by a word before the amount: "Rs 500 crore", "EUR 12".
UNITS_BEFORE = {"rs": "INR", "inr": "INR", "usd": "USD", "eur": "EUR", "gbp": "GBP", "chf": "CHF"}


def _calendar(listed: str) -> dict[str, int]:
    return {word: number for number, words in enumerate(listed.split("|"), start=1) for word in words.split()}


MONTHS = _calendar(
    """january jan январь января январе|february feb февраль февраля феврале|march март марта марте
    |april apr апрель апреля апреле|may май мая мае|june jun июнь июня июне|july jul июль июля июле
    |august aug август августа августе|september sept sep сентябрь сентября сентябре
    |october oct октябрь октября октябре|november nov ноябрь ноября ноябре
    |december dec декабрь декабря декабре"""
)
# Months in the other languages, only behind a day: "Mars" is a planet, "Julio" a man, "marca" a brand.
MONTHS_BEHIND_DAY = _calendar(
    """januar jänner janvier enero gennaio janeiro januari stycznia січня ocak ledna يناير
    |februar février febrero febbraio fevereiro februari lutego лютого şubat února فبراير
    |mar märz mars marzo março maart marca березня mart března مارس
    |avril abril aprile kwietnia квітня nisan dubna أبريل
    |mai mayo maggio maio mei maja maj травня mayıs května مايو
    |juni juin junio giugno junho czerwca червня haziran června يونيو
    |juli juillet julio luglio julho lipca липня temmuz července يوليو
    |août agosto augusti augustus sierpnia серпня ağustos srpna أغسطس
    |septembre septiembre settembre setembro września вересня eylül سبتمبر
    |oktober octobre octubre ottobre outubro października жовтня ekim října أكتوبر
    |novembre noviembre novembro listopada листопада kasım listopadu نوفمبر
    |dezember décembre diciembre dicembre dezembro grudnia грудня aralık prosince ديسمبر"""
)
# Days of the week, from Monday on.
WEEKDAYS = _calendar(
    """monday понедельник понедельника понедельнику montag lundi lunes lunedì segunda-feira poniedziałek poniedziałku
    poniedziałkowy понеділок понеділка pazartesi maandag måndag pondělí
    |tuesday вторник вторника вторнику dienstag mardi martes martedì terça-feira wtorek wtorku wtorkowy вівторок
    вівторка salı dinsdag tisdag úterý
    |wednesday среда среды среду mittwoch mercredi miércoles mercoledì quarta-feira środa środę środy середа середи
    середу çarşamba woensdag onsdag středa středu
    |thursday четверг четверга четвергу donnerstag jeudi jueves giovedì quinta-feira czwartek czwartku четвер
    четверга perşembe donderdag torsdag čtvrtek
    |friday пятница пятницы пятницу freitag vendredi viernes venerdì sexta-feira piątek piątku п'ятниця п'ятниці
    п'ятницю cuma vrijdag fredag pátek
    |saturday суббота субботы субботу samstag sonnabend samedi sábado sabato sobota sobotę soboty субота суботи суботу
    cumartesi zaterdag lördag sobotu
    |sunday воскресенье воскресенья sonntag dimanche domingo domenica niedziela niedzielę niedzieli неділя неділі неділю
    pazar zondag söndag neděle neděli"""
)
# Before a date that the news is about; but not where the date is that of the article: "Posted on 5 May 2026".
DATED = frozenset("on for of in from since by until на за от с со к до по в am vom zum le du el del".split())
POSTED = frozenset("posted published updated".split())
# "5月3日": month and day, each behind its number.
CJK_MONTH = ("月", "월")
CJK_DAY = ("日", "号", "일")

# Behind the hour of a day: "5.30 pm", "17 Uhr", "17 h"; the dots of "p.m." are no letters.
CLOCK = frozenset("am pm uhr h".split())
CLOCK_LETTERS = (("a", "m"), ("p", "m"))

PERCENT = frozenset(
    """% percent pct per-cent percentage процент процента процентов проценте процентных prozent procent procenta
    procentów відсоток відсотка відсотків""".split()
)
# In two words: "6.25 per cent", "por ciento", "per cento".
PER = frozenset("per pour por".split())
HUNDRED = frozenset("cent ciento cento".split())

PEOPLE = frozenset(
    """people persons men women children dead killed injured wounded hurt missing died victims deaths patients
    passengers workers miners residents arrested detained infected rescued evacuated человек человека людей
    погибли погибших погиб пострадали пострадавших ранены раненых пропали детей жителей рабочих задержаны
    задержанных пассажиров заразились заболевших эвакуированы спасены
    tote menschen verletzte vermisste opfer morts blessés personnes disparus victimes muertos heridos personas
    desaparecidos víctimas morti feriti persone dispersi vittime mortos feridos pessoas desaparecidos vítimas
    doden gewonden mensen osób zabitych rannych ofiar осіб людей загинули загиблих поранених kişi ölü yaralı
    قتيلا شخصا شخص""".split()
)

# Words right before a number that is not meant exactly: about 30, more than 70, почти на 100.
ROUGHLY = frozenset(
    """about around nearly almost over some roughly approximately circa than least
    около более больше свыше почти порядка примерно приблизительно менее
    rund etwa über fast knapp als environ presque quelque unos casi cerca quasi około ponad майже понад близько
    більше yaklaşık""".split()
)
# The same in two words: "más de 20", "plus de 20", "più di 20".
MORE = frozenset("más mas plus près più mais cerca alrededor menos moins meno".split())
