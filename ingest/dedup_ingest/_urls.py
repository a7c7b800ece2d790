"""The form of a URL under which two spellings of one page are the same."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import Final
from urllib.parse import SplitResult, quote, urljoin, urlsplit, urlunsplit

# Parameters that say where the reader came from: click ids of advertisers, campaign marks of newsletters and of
# analytics (Matomo, Piano, comScore, Webtrekk, AT Internet, HubSpot, Marketo), and those of single large publishers
# that 9,000 links of feeds held. Everything else may choose the page (`?id=5`) and stays.
_TRACKERS: Final = frozenset(
    """
    fbclid gclid gclsrc dclid gbraid wbraid msclkid twclid ttclid li_fat_id yclid ysclid igshid igsh _openstat
    mc_cid mc_eid _hsenc _hsmi mkt_tok vero_id oly_enc_id oly_anon_id _ga _gl
    pk_campaign pk_kwd pk_source pk_medium mtm_campaign mtm_kwd mtm_source mtm_medium
    at_campaign at_medium at_format at_link_id at_link_type at_link_origin at_ptr_name at_bbc_team at_campaign_type
    ns_campaign ns_mchannel ns_source ns_linkname ns_fee wt_mc wt_zmc xtor cmpid ito smid smtyp emc mwrsm ftag
    soc_src soc_trk guccounter guce_referrer guce_referrer_sig ocid
    """.split()  # noqa: SIM905 - a table, one word a cell
)
_TRACKER_PREFIX: Final = "utm_"
# Names that choose a page on some sites and say on others which channel the link stood in: those with such a value go.
_AMBIGUOUS: Final = frozenset({"ref", "source", "src", "partner", "from", "feed", "cmp"})
_CHANNELS: Final = frozenset(
    """
    rss rssfeed rss_feed feed feeds atom twitter tw facebook fb telegram vk newsletter email mail
    """.split()  # noqa: SIM905 - a table, one word a cell
)
_PORTS: Final = {"http": 80, "https": 443}
_MAX_HOST: Final = 253  # characters, as in the DNS; IDNA 2003 works for 0.7 s on 100,000
_FRONTS: Final = re.compile(r"^(?:(?:www\d?|m|mobile|amp)\.)+")
_ESCAPE: Final = re.compile(r"%[0-9a-fA-F]{2}")
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
    return _spelled(url, _tracks)


def feed_identity(url: str) -> str:
    """What makes two addresses one feed: as `canonical_url`, but user and password count, and of the parameters those
    that may choose a feed.

    A site has feeds at `?feed=rss` and `?feed=atom`, or one for each reader. Idempotent; a URL that cannot be split
    is returned as it is.
    """
    return _spelled(url, _is_tracker, with_user=True)


def _spelled(url: str, is_dropped: Callable[[str], bool], *, with_user: bool = False) -> str:
    """The one spelling, without the parameters that `is_dropped` says, and with user and password if wanted."""
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
    if with_user:
        user, at, _ = parts.netloc.rpartition("@")
        netloc = user + at + netloc
    query = "&".join(pair for pair in parts.query.split("&") if pair and not is_dropped(pair))
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
    name, _, value = pair.lower().partition("=")
    if name in _AMBIGUOUS:
        return value in _CHANNELS
    return _is_tracker(pair)


def _is_tracker(pair: str) -> bool:
    name = pair.lower().partition("=")[0]
    return name in _TRACKERS or name.startswith(_TRACKER_PREFIX)


def _ascii_host(host: str) -> str:
    """The name that is looked up: by IDNA 2008, under which faß.example and fass.example are two hosts; by IDNA 2003
    what only that has a name for, such as ☃.example."""
    host = host.lower().rstrip(".")
    if host.isascii() or len(host) > _MAX_HOST:
        return host
    import idna

    with suppress(UnicodeError):
        return idna.encode(host, uts46=True).decode("ascii").rstrip(".")
    with suppress(UnicodeError):
        return host.encode("idna").decode("ascii").lower().rstrip(".")
    return host


def _escape(part: str) -> str:
    # Non-ASCII and spaces are percent-encoded; what is encoded already stays, its digits in upper case: idempotent.
    # Half a surrogate pair, which JSON can hold, is written as the three bytes that UTF-8 would have.
    escaped = quote(part, safe="/:@!$&'()*+,;=~%?-._[]|^", errors="surrogatepass")
    return _ESCAPE.sub(lambda code: code[0].upper(), escaped) if "%" in escaped else escaped
