"""The form of a URL under which two spellings of one page are the same."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

# Parameters that say where the reader came from. Everything else may choose the page (`?id=5`) and stays.
_TRACKERS: Final = frozenset(
    """
    fbclid gclid dclid gbraid wbraid msclkid yclid ysclid igshid mc_cid mc_eid _openstat
    """.split()  # noqa: SIM905 - a table, one word a cell
)
_TRACKER_PREFIX: Final = "utm_"
_PORTS: Final = {"http": 80, "https": 443}
_FRONTS: Final = re.compile(r"^(?:(?:www\d?|m|mobile|amp)\.)+")
_SPACE: Final = re.compile(r"[\s\x00-\x20\x7f]+")


def web_link(link: str, base: str | None = None) -> str | None:
    """The absolute http(s) URL of a link, resolved against the page it was found on; None if it is no such link."""
    link = _SPACE.sub("", link) if "\n" in link or "\t" in link else link.strip()
    if not link:
        return None
    try:
        url = urljoin(base, link) if base else link
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() not in _PORTS or not host:
        return None
    return url


def canonical_url(url: str) -> str:
    """One spelling per page: lower-case scheme and host, IDN in ASCII, no default port, no fragment, no trackers.

    Idempotent. A URL that cannot be split is returned as it is.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return url
    if not host or parts.scheme not in _PORTS:
        return url
    ascii_host = _ascii_host(host)
    netloc = f"[{ascii_host}]" if ":" in ascii_host else ascii_host
    if port is not None and port != _PORTS[parts.scheme]:
        netloc = f"{netloc}:{port}"
    query = "&".join(pair for pair in parts.query.split("&") if pair and not _tracks(pair))
    return urlunsplit(SplitResult(parts.scheme, netloc, _escape(parts.path or "/"), _escape(query), ""))


def host_of(url: str) -> str:
    """The host of a URL in lower case and ASCII, or an empty text."""
    try:
        return _ascii_host(urlsplit(url).hostname or "")
    except ValueError:
        return ""


def same_site(one: str, other: str) -> bool:
    """Whether two URLs are of one site: one host but for www., m., mobile. and amp., or one within the other."""
    hosts = sorted((_FRONTS.sub("", host_of(url)) for url in (one, other)), key=len)
    short, long = hosts
    return "." in short and (long == short or long.endswith(f".{short}"))


def _tracks(pair: str) -> bool:
    name = pair.partition("=")[0].lower()
    return name in _TRACKERS or name.startswith(_TRACKER_PREFIX)


def _ascii_host(host: str) -> str:
    host = host.lower().rstrip(".")
    if host.isascii():
        return host
    try:
        return host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return host


def _escape(part: str) -> str:
    # Non-ASCII and spaces are percent-encoded, what is encoded already stays: idempotent.
    return quote(part, safe="/:@!$&'()*+,;=~%?-._[]|^")
