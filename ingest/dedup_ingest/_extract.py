"""The text of an article out of the HTML of its page: trafilatura, corrected by what the page itself says.

trafilatura with `favor_precision` is right about most pages. Three general things it gets wrong, and what is done:
it stops where a publisher splits a body in two (paragraphs of the same kind are added), it takes windows for text (the
publisher's own `articleBody` does not vouch for them), and it keeps the lines that frame a text (title, photo credits,
"read more").
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from ._normalise import normalise
from ._text import one_line, paragraphs, plain_text

if TYPE_CHECKING:
    from selectolax.lexbor import LexborHTMLParser, LexborNode

_FEW_CHARACTERS: Final = 200  # less is a teaser, a caption or a cookie notice, and the next method is asked
_PARAGRAPH_CHARACTERS: Final = 60  # shorter ones are captions and labels: they say nothing about kinds of paragraphs
_LONG_WORDS: Final = 8  # shorter lines are headings, which `articleBody` often leaves out
_COVERED: Final = 0.7  # share of an extraction that `articleBody` must hold before it may judge the rest
_VOUCHED: Final = 0.5  # share of a paragraph's 3-word runs
_BLOCK_PARAGRAPHS: Final = 3  # long ones in a row that nobody vouches for
_MISSED: Final = 1.3  # a completion that adds less is left: the paragraphs are then lists, captions, other teasers
_MAX_LD_CHARACTERS: Final = 2_000_000
_MAX_LD_DEPTH: Final = 12

_ASIDES: Final = frozenset(
    {"aside", "footer", "nav", "figure", "figcaption", "form", "blockquote", "header", "template"}
)
_TEASERS: Final = re.compile(
    r"comment|related|recommend|newsletter|promo|sidebar|social|teaser|footer|subscri|fadeout|cookie|consent|noaccess",
    re.IGNORECASE,
)

# Lines that frame an article in the languages we have cleaning lists for. They begin a line of at most 200 characters.
_FRAME_START: Final = re.compile(
    r"""(?:
      (?:photo|foto|фото|fotos?|bild|image|picture|zdjęcie|fotoğraf|imagen|crédito|credit|quelle|источник|джерело)
        \s*(?:credits?|by|par|von|di)?\s*:
    | (?:read|see|watch|learn|find\sout)\s(?:more|also|next|on|photos?|video)\b
    | (?:also|more)\son\s | more\sto\sfollow | recommended(?:\sstories)?\s*$ | advertisement\s*$
    | (?:sign\sup|subscribe|follow\sus|click\shere|download\sour|share\sthis|join\sour)\b
    | (?:czytaj\swięcej|czytaj\srównież|czytaj\steż|zobacz\steż|zobacz\srównież|przeczytaj\s(?:też|także))\b
    | (?:читайте\s(?:также|ещё|еще|подробнее)|смотрите\sтакже|подписывайтесь|подробнее\s*:|реклама\s*$)
    | (?:читайте\sтакож|дивіться\sтакож|підписуйтесь|реклама\s*$)
    | (?:lesen\ssie\s(?:auch|mehr|hier)|mehr\szum\sthema|auch\sinteressant|anzeige\s*$|zur\sstartseite)
    | (?:à\slire\saussi|lire\saussi|à\slire|lire\sla\ssuite|passer\sla\spublicité|publicité\s*$|voir\saussi)
    | (?:lea\stambién|leer\smás|lee\stambién|te\spuede\sinteresar|más\sinformación\s*$|publicidad\s*$)
    | (?:leggi\s(?:anche|di\spiù)|guarda\sanche|pubblicità\s*$ )
    | (?:leia\s(?:também|mais)|veja\s(?:também|mais)|publicidade\s*$)
    | (?:ayrıca\sokuyun|devamını\sokuyun|ilgili\shaberler|reklam\s*$)
    | (?:comments?|comentar|comentarios|kommentare|commentaires|commenti|комментарии|коментарі|komentarze)\s*\d*\s*$
    )""",
    re.IGNORECASE | re.VERBOSE,
)
_FRAME_ANYWHERE: Final = re.compile(
    r"all\srights\sreserved|alle\srechte\svorbehalten|tous\sdroits\sréservés|todos\slos\sderechos|tutti\si\sdiritti"
    r"|все\sправа\sзащищены|усі\sправа\sзахищені|wszelkie\sprawa\szastrzeżone|tüm\shakları\ssaklıdır"
    r"|todos\sos\sdireitos|nachdruck\sverboten|trust\sprinciples",
    re.IGNORECASE,
)
_FRAME_CHARACTERS: Final = 200
_SITE_NAME: Final = re.compile(r"\s+[|–—-]\s+[^|–—-]{2,40}$")
_PAYWALL_LINE: Final = re.compile(
    r"会員限定|続きをお読み|続きを読む|subscribers?\sonly|subscribe\sto\s(?:read|continue)|to\scontinue\sreading"
    r"|(?:tu|su)\ssuscripción\sse|suscríb(?:ete|ase)\spara|nur\sfür\sabonnenten|jetzt\sabonnieren|réservé\saux\sabonnés"
    r"|только\sдля\sподписчиков|dla\ssubskrybentów|riservato\sagli\sabbonati|exclusivo\spara\sassinantes",
    re.IGNORECASE,
)


def extract_text(html: str, url: str | None, tree: LexborHTMLParser) -> tuple[str, str]:
    """The text and the name of the method that found it: trafilatura, publisher, paragraphs, or none."""
    published = _article_body(tree)
    text = _trafilatura(html, url)
    method = "trafilatura"
    if text:
        text = _completed(text, tree)
        text = _vouched(text, published)
    if len(text) < _FEW_CHARACTERS < len(published):
        text, method = published, "publisher"
    if len(text) < _FEW_CHARACTERS:
        found = _paragraphs_of(tree)
        if len(found) > len(text):
            text, method = found, "paragraphs"
    text = paragraphs(_unframed(text, headlines(tree)))
    return text, method if text else "none"


def _trafilatura(html: str, url: str | None) -> str:
    import logging

    import trafilatura

    # It logs an error for every page without a text, which is an answer here and no error.
    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)
    text: str | None = trafilatura.extract(
        html, url=url, favor_precision=True, include_comments=False, include_tables=False
    )
    return text or ""


def _lines(text: str) -> list[str]:
    return [line for line in (one_line(part) for part in text.split("\n")) if line]


def _kind(node: LexborNode) -> tuple[str, str] | None:
    """What marks the paragraphs of one body: their own class, or the class of what holds them."""
    own = (node.attributes.get("class") or "").strip()
    if own:
        return ("own", own)
    parent = node.parent
    held = (parent.attributes.get("class") or "").strip() if parent is not None else ""
    return ("held", f"{parent.tag} {held}") if parent is not None and held else None


def _is_aside(node: LexborNode) -> bool:
    up = node.parent
    while up is not None and up.tag not in ("body", "html"):
        attributes = up.attributes
        if up.tag in _ASIDES or _TEASERS.search(f"{attributes.get('class') or ''} {attributes.get('id') or ''}"):
            return True
        up = up.parent
    return False


def _completed(text: str, tree: LexborHTMLParser) -> str:
    """The text with the paragraphs of its own kind that were left out, when they are many."""
    have = {normalise(line) for line in _lines(text)}
    written = [(node, one_line(node.text(deep=True))) for node in tree.css("p")]
    kinds = Counter(
        kind
        for node, line in written
        if len(line) >= _PARAGRAPH_CHARACTERS and normalise(line) in have and (kind := _kind(node))
    )
    if not kinds:
        return text
    kind, votes = kinds.most_common(1)[0]
    if votes < 3 or votes < 0.6 * kinds.total():
        return text
    body = [
        line
        for node, line in written
        if _kind(node) == kind and len(line) >= _PARAGRAPH_CHARACTERS and not _is_aside(node)
    ]
    known = normalise(text)
    missing = [line for line in dict.fromkeys(body) if normalise(line) not in known]
    if sum(map(len, missing)) < (_MISSED - 1) * len(text):
        return text
    lines = _lines(text)
    last = max((number for number, line in enumerate(lines) if line in set(body)), default=len(lines) - 1)
    return "\n".join([*lines[: last + 1], *missing, *lines[last + 1 :]])


def _runs(text: str, length: int = 3) -> set[tuple[str, ...]]:
    words = normalise(text).split()
    return {tuple(words[start : start + length]) for start in range(len(words) - length + 1)}


def _vouched(text: str, published: str) -> str:
    """The text without windows laid over it: blocks of paragraphs that the publisher's own `articleBody` has not.

    Single ones stay, because many publishers leave the lead and the headings out of it.
    """
    known = _runs(published)
    mine = _runs(text)
    if not known or not mine or len(known & mine) < _COVERED * len(mine):
        return text
    kept: list[str] = []
    block: list[str] = []
    strange = 0
    for line in [*_lines(text), None]:
        runs = _runs(line) if line is not None else set()
        if line is not None and len(runs & known) < _VOUCHED * len(runs):
            block.append(line)
            strange += len(runs) >= _LONG_WORDS - 2
            continue
        if strange < _BLOCK_PARAGRAPHS:
            kept += block
        block, strange = [], 0
        if line is not None:
            kept.append(line)
    return "\n".join(kept)


def headlines(tree: LexborHTMLParser) -> list[str]:
    """What the page is called: og:title, the first <h1>, <title> (with and without the name of the site)."""
    shared = tree.css_first('meta[property="og:title"], meta[name="og:title"]')
    named = [shared.attributes.get("content") or ""] if shared is not None else []
    for selector in ("h1", "title"):
        node = tree.css_first(selector)
        named.append(node.text(deep=True) if node is not None else "")
    lines = [one_line(name) for name in named]
    return [line for name in lines for line in (_SITE_NAME.sub("", name), name) if line]


def _unframed(text: str, titles: Iterable[str]) -> str:
    named = set(map(normalise, titles))
    kept: list[str] = []
    for line in _lines(text):
        if not kept and normalise(line) in named:
            continue
        if len(line) <= _FRAME_CHARACTERS and (
            _FRAME_START.match(line) or _FRAME_ANYWHERE.search(line) or _PAYWALL_LINE.search(line)
        ):
            continue
        kept.append(line)
    return "\n".join(kept)


def _article_body(tree: LexborHTMLParser) -> str:
    """The longest `articleBody` that the page's JSON-LD (schema.org) gives, as plain text."""
    found = (body for data in linked_data(tree) if isinstance(body := data.get("articleBody"), str))
    return plain_text(max(found, key=len, default=""))


def linked_data(tree: LexborHTMLParser) -> Iterator[dict[str, Any]]:
    """Every object of the page's JSON-LD, nested ones included."""
    for script in tree.css('script[type="application/ld+json"]'):
        written = script.text(deep=True)
        if len(written) > _MAX_LD_CHARACTERS:
            continue
        try:
            data = json.loads(written, strict=False)
        except (ValueError, RecursionError):
            continue
        yield from _objects(data)


def _objects(data: Any, depth: int = 0) -> Iterator[dict[str, Any]]:
    if depth > _MAX_LD_DEPTH:
        return
    if isinstance(data, dict):
        yield data
    inner: Iterable[Any] = data.values() if isinstance(data, dict) else data if isinstance(data, list) else ()
    for value in inner:
        yield from _objects(value, depth + 1)


def _paragraphs_of(tree: LexborHTMLParser) -> str:
    """Paragraphs of <article>, or of the page: what is left when nothing better is found."""
    for selector in ("article p", "main p", "p"):
        lines = [one_line(node.text(deep=True)) for node in tree.css(selector) if not _is_aside(node)]
        text = "\n".join(dict.fromkeys(line for line in lines if len(line) >= _PARAGRAPH_CHARACTERS))
        if len(text) >= _FEW_CHARACTERS:
            return text
    return ""
