"""Bytes of a feed to text: what the bytes are beats what the writer says they are."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass
from typing import Final

_BOMS: Final = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
# "<" or "{" in encodings that are wider than a byte, without a mark
_UNMARKED: Final = (
    (re.compile(rb"[<{]\x00\x00\x00"), "utf-32-le"),
    (re.compile(rb"\x00\x00\x00[<{]"), "utf-32-be"),
    (re.compile(rb"[<{]\x00[^\x00]\x00"), "utf-16-le"),
    (re.compile(rb"\x00[<{]\x00[^\x00]"), "utf-16-be"),
)
_DECLARATION: Final = re.compile(rb"\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"']([A-Za-z0-9._:-]{1,40})[\"']")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9._:-]{1,40})", re.IGNORECASE)
# As browsers do (WHATWG Encoding): the name of a subset means the set that is really in use.
_WIDER: Final = {
    "iso8859-1": "cp1252",
    "ascii": "cp1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
}
# Any bytes decode in these, so that they decode says nothing.
_WESTERN: Final = frozenset({"cp1252", "iso8859-15", "iso8859-9", "cp1254"})
_ASCII: Final = bytes(range(128))
_CHARDET_BYTES: Final = 100_000
_FEW_BAD: Final = 0.02  # share of a document's non-ASCII bytes; above it the encoding is another one


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text, the encoding it was read in, and what was wrong with the declared one (None: nothing)."""

    text: str
    encoding: str
    problem: str | None = None


def decode(body: bytes, content_type: str | None = None) -> Decoded:
    """The text of a document; never raises. Order: byte order mark, HTTP charset, XML declaration, UTF-8, chardet."""
    for mark, encoding in _BOMS:
        if body.startswith(mark):
            return _decode_as(body[len(mark) :], encoding, "its byte order mark")
    for pattern, encoding in _UNMARKED:
        if pattern.match(body):
            return _decode_as(body, encoding, "its first bytes")
    declared = [name for name in (_http_charset(content_type), _xml_encoding(body)) if name]
    codecs_declared = [codec for codec in map(_codec, declared) if codec]
    utf8 = _strict(body, "utf-8")
    for codec in codecs_declared:
        if codec in _WESTERN and utf8 is not None and not body.isascii():
            continue  # text in Latin-1 is practically never valid UTF-8 by chance
        text = utf8 if codec == "utf-8" else _strict(body, codec)
        if text is not None:
            return Decoded(text, codec)
    wrong = f"declared as {declared[0]}, " if declared else "no usable declaration, "
    if utf8 is not None:
        clean = not declared or body.isascii()
        return Decoded(utf8, "utf-8", None if clean else f"{wrong}but is utf-8")
    if _mostly_utf8(body):
        return Decoded(body.decode("utf-8", "replace"), "utf-8", "has bytes that are not utf-8; they were replaced")
    guessed = _guess(body)
    text = _strict(body, guessed) if guessed else None
    if guessed and text is not None:
        return Decoded(text, guessed, f"{wrong}read as {guessed}")
    return Decoded(body.decode("cp1252", "replace"), "cp1252", f"{wrong}read as cp1252")


def _decode_as(body: bytes, encoding: str, why: str) -> Decoded:
    text = _strict(body, encoding)
    if text is not None:
        return Decoded(text, encoding)
    return Decoded(body.decode(encoding, "replace"), encoding, f"not valid {encoding}, which {why} says it is")


def _http_charset(content_type: str | None) -> str | None:
    match = _CHARSET.search(content_type or "")
    return match[1] if match else None


def _xml_encoding(body: bytes) -> str | None:
    match = _DECLARATION.match(body[:400])
    return match[1].decode("ascii") if match else None


def _codec(name: str) -> str | None:
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    if not info._is_text_encoding or info.name.startswith(("utf-16", "utf-32", "utf-7", "idna", "punycode")):
        return None  # text codecs only; the wide ones were tried by their bytes, and these bytes are not wide
    return _WIDER.get(info.name, info.name)


def _strict(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except (UnicodeError, LookupError, ValueError):
        return None


def _mostly_utf8(body: bytes) -> bool:
    high = len(body.translate(None, _ASCII))
    bad = body.decode("utf-8", "replace").count("\ufffd") - body.count("\ufffd".encode())
    return bad <= high * _FEW_BAD


def _guess(body: bytes) -> str | None:
    import chardet

    found = chardet.detect(body[:_CHARDET_BYTES])["encoding"]
    return _codec(found) if found else None
