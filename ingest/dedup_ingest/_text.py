"""Characters that cannot be stored are taken out, and HTML becomes plain text with its paragraph breaks."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

# C0 without tab, line feed and carriage return, DEL, C1, and the non-characters that XML and PostgreSQL refuse.
_CONTROL: Final = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufdd0-\ufdef\ufffe\uffff]")
_SURROGATE: Final = re.compile("[\ud800-\udfff]")
_MARKUP: Final = re.compile(r"<(?:/?[a-zA-Z][^<>]*|!--)")
_ENTITY: Final = re.compile(r"&(?:#\d{1,7}|#[xX][0-9a-fA-F]{1,6}|[a-zA-Z][a-zA-Z0-9]{1,30});")
_BREAKS: Final = re.compile(r"\n{3,}")

# Breaks asked for by tags; white space in text is folded first, so these two can come from tags only.
_LINE: Final = "\x0b"
_PARAGRAPH: Final = "\x0c"
_MARKS: Final = re.compile(r"[ \n]*[\x0b\x0c][ \n\x0b\x0c]*")

_DROPPED: Final = frozenset({"script", "style", "noscript", "template", "iframe", "object", "svg", "math", "head"})
_BREAKING: Final = frozenset(
    """
    address article aside blockquote dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5
    h6 header hr li main nav ol p pre section table tbody td tfoot th thead tr ul
    """.split()  # noqa: SIM905 - a table, one word a cell
)
_PARAGRAPHS: Final = frozenset(
    """
    article blockquote div figure h1 h2 h3 h4 h5 h6 ol p pre section table ul
    """.split()  # noqa: SIM905 - a table, one word a cell
)


def storable(text: str) -> str:
    """The text without NUL and control characters, with each lone surrogate replaced by U+FFFD.

    A pair of surrogates that a JSON decoder left apart is joined first.
    """
    if not text.isascii() and _SURROGATE.search(text):
        joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        text = _SURROGATE.sub("\ufffd", joined)
    return _CONTROL.sub("", text)


def looks_like_html(text: str) -> bool:
    """Whether the text holds at least one tag or comment."""
    return _MARKUP.search(text) is not None


def one_line(text: str) -> str:
    """The text with every run of white space made one space."""
    return " ".join(text.split())


def paragraphs(text: str) -> str:
    """The text with runs of spaces made one, lines trimmed and at most one empty line between two paragraphs."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return _BREAKS.sub("\n\n", "\n".join(map(one_line, lines))).strip()


def plain_text(markup: str) -> str:
    """HTML (or text with entities) to plain text: entities decoded, scripts dropped, paragraph breaks kept."""
    if looks_like_html(markup):
        return paragraphs(_strip_tags(markup))
    if _ENTITY.search(markup):
        markup = html.unescape(markup)
        if looks_like_html(markup):  # a feed that escaped its HTML twice
            return paragraphs(_strip_tags(markup))
    return paragraphs(markup)


def plain_title(text: str) -> str:
    """A title that is no HTML: its tags are words. Entities are decoded, which many feeds write all the same."""
    return html.unescape(text) if _ENTITY.search(text) else text


def _strip_tags(markup: str) -> str:
    # html.parser of Python 3.11 has quadratic inputs that lexbor has not (400,000 unclosed `<!--`: 0.02 s). Both are
    # quadratic in the depth of nesting, which is why feeds are parsed in a process that can be killed.
    from selectolax.lexbor import LexborHTMLParser

    body = LexborHTMLParser(markup).body
    if body is None:
        return ""
    parts: list[str] = []
    # An explicit stack of nodes and closing marks: nesting is the writer's choice and must not be our recursion.
    stack: list[LexborNode | str] = [body]
    while stack:
        item = stack.pop()
        if isinstance(item, str):
            parts.append(item)
            continue
        tag = item.tag or ""
        if tag == "-text":
            # A line break in HTML source is a space; inside <pre> that loses the layout, which no comparison needs.
            parts.append(_folded(item.text_content or ""))
            continue
        if tag in _DROPPED or tag.startswith(("-", "!")):
            continue
        if tag == "br":
            parts.append("\n")
            continue
        if tag in _BREAKING:
            mark = _PARAGRAPH if tag in _PARAGRAPHS else _LINE
            parts.append(mark)
            stack.append(mark)
        child = item.last_child
        while child is not None:
            stack.append(child)
            child = child.prev
    return _MARKS.sub(_break, "".join(parts))


def _folded(text: str) -> str:
    """Every run of white space made one space, at both ends too; four times as fast as the regular expression."""
    words = one_line(text)
    if not words:
        return text and " "
    return f"{' ' * text[0].isspace()}{words}{' ' * text[-1].isspace()}"


def _break(run: re.Match[str]) -> str:
    return "\n\n" if _PARAGRAPH in run[0] or run[0].count("\n") > 1 else "\n"
