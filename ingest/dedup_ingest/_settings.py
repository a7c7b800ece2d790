"""Every limit of the room, as frozen dataclasses; the service fills them from its configuration."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_network
from typing import Final, Literal, get_args
from urllib.parse import urlsplit

from ._errors import SettingsError

_MIB = 1024 * 1024

FullTextMode = Literal["off", "short", "all"]
_MODES: Final = get_args(FullTextMode)


def _positive(settings: object, *names: str) -> None:
    for name in names:
        value = getattr(settings, name)
        if not value > 0:
            raise SettingsError(f"{type(settings).__name__}.{name} is {value!r}; it must be above 0")


def _is_http_url(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True)
class FetchSettings:
    """How feeds are fetched. Times in seconds, sizes in bytes.

    `allow_networks` holds CIDR networks that the network guard lets through although they are not public
    (`"127.0.0.0/8"` for a demo on loopback). `proxy` is the URL of an HTTP proxy, or empty; the guard judges its
    address like any other, and every host is looked up here as well before the proxy is asked for it. Raises
    SettingsError for a value that cannot be used.
    """

    total_deadline_seconds: float = 30.0  # one feed, all redirects and the whole body
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 10.0  # silence between two reads
    max_body_bytes: int = 10 * _MIB  # after inflation; the largest of 61 real feeds measured has 0.3 MiB
    max_header_bytes: int = 16 * 1024  # one header line
    max_headers: int = 128
    max_redirects: int = 5
    max_retries: int = 1  # of one feed after a temporary failure, within the total deadline
    retry_delay_seconds: float = 1.0  # times 0.5…1.5 by chance, doubled with every retry
    max_retry_delay_seconds: float = 5.0  # a Retry-After above it is left to the next poll
    max_retry_after_seconds: float = 86400.0  # what a server may ask for at most; some ask for ten years
    unconditional_share: float = 0.01  # of conditional requests, sent without validators: some ETags never change
    max_concurrency: int = 32
    max_concurrency_per_host: int = 4
    host_spacing_seconds: float = 0.1  # between the beginnings of two requests at one host
    dns_threads: int = 16
    max_url_characters: int = 2048
    proxy: str = ""  # e.g. http://user:password@proxy.example:3128
    user_agent: str = "news-dedup/0.1 (feed reader)"
    allow_networks: tuple[str, ...] = ()
    allow_local_files: bool = True  # a path in the list of feeds; a redirect never reaches a file

    def __post_init__(self) -> None:
        _positive(
            self,
            "total_deadline_seconds",
            "connect_timeout_seconds",
            "read_timeout_seconds",
            "max_body_bytes",
            "max_header_bytes",
            "max_headers",
            "max_concurrency",
            "max_concurrency_per_host",
            "dns_threads",
            "max_url_characters",
            "max_retry_delay_seconds",
            "max_retry_after_seconds",
        )
        for name in ("max_redirects", "max_retries", "retry_delay_seconds", "host_spacing_seconds"):
            if not getattr(self, name) >= 0:
                raise SettingsError(f"FetchSettings.{name} is {getattr(self, name)}; it must be 0 or more")
        if not 0 <= self.unconditional_share <= 1:
            raise SettingsError(
                f"FetchSettings.unconditional_share is {self.unconditional_share}; it is a share, 0 to 1"
            )
        if self.proxy and not _is_http_url(self.proxy):
            # Without the value: it may hold a password.
            raise SettingsError("FetchSettings.proxy is no URL like http://proxy.example:3128; empty means no proxy")
        if not self.user_agent.isprintable() or not self.user_agent.isascii():
            raise SettingsError("FetchSettings.user_agent must be one line of printable ASCII")
        for network in self.allow_networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise SettingsError(
                    f"FetchSettings.allow_networks: {network!r} is no network ({error}); write one like 10.1.0.0/16"
                ) from error


@dataclass(frozen=True, slots=True)
class ScheduleSettings:
    """When feeds are visited. A feed without a cron expression is visited as often as it has news, within bounds.

    A failure is answered by `…_delay_seconds`, doubled with every further one up to `max_…_delay_seconds`.
    """

    min_interval_seconds: float = 300.0
    max_interval_seconds: float = 86400.0  # also the most that ttl, Cache-Control and Expires are given
    first_interval_seconds: float = 1800.0  # while nobody knows how often a feed has news
    entries_per_visit: float = 1.0  # new entries that a visit aims at
    rate_memory_hours: float = 24.0  # after which an observation counts for a third
    jitter_share: float = 0.1  # of a wait, added at most, so that feeds do not come back together
    temporary_delay_seconds: float = 300.0  # no DNS, no connection, 5xx, 429
    max_temporary_delay_seconds: float = 3600.0
    permanent_delay_seconds: float = 3600.0  # 403, 404, no feed: until somebody changes something
    max_permanent_delay_seconds: float = 259200.0
    max_clock_drift_seconds: float = 60.0  # a last visit further ahead than this means that the clock was set back

    def __post_init__(self) -> None:
        _positive(self, *(name for name in self.__slots__ if name not in ("jitter_share", "max_clock_drift_seconds")))
        if not 0 <= self.jitter_share <= 1:
            raise SettingsError(f"ScheduleSettings.jitter_share is {self.jitter_share}; it is a share, 0 to 1")
        if not self.max_clock_drift_seconds >= 0:
            raise SettingsError("ScheduleSettings.max_clock_drift_seconds must be 0 or more")
        for low, high in (
            ("min_interval_seconds", "max_interval_seconds"),
            ("temporary_delay_seconds", "max_temporary_delay_seconds"),
            ("permanent_delay_seconds", "max_permanent_delay_seconds"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise SettingsError(f"ScheduleSettings.{low} is above {high}")


@dataclass(frozen=True, slots=True)
class ParseSettings:
    """How documents are parsed, in worker processes that can be killed.

    `workers=0` takes one per core, four at most. `max_memory_bytes` is what one document may add to a worker.
    """

    workers: int = 0
    deadline_seconds: float = 15.0
    start_deadline_seconds: float = 60.0  # an idle worker is ready in about a second; a loaded machine takes longer
    max_memory_bytes: int = 1024 * _MIB  # 10 MiB of feed cost at most 0.5 GiB of address space in feedparser
    max_documents_per_worker: int = 5000
    max_entries: int = 1000
    max_url_characters: int = 2048
    detect_language: bool = True

    def __post_init__(self) -> None:
        _positive(
            self,
            "deadline_seconds",
            "start_deadline_seconds",
            "max_memory_bytes",
            "max_documents_per_worker",
            "max_entries",
            "max_url_characters",
        )
        if self.workers < 0:
            raise SettingsError(f"ParseSettings.workers is {self.workers}; it must be 0 (one per core) or more")

    @property
    def worker_count(self) -> int:
        """The number of worker processes that `workers` means on this machine."""
        return self.workers or max(1, min(4, os.cpu_count() or 1))


@dataclass(frozen=True, slots=True)
class FullTextSettings:
    """Whether the pages of articles are fetched for their text, and the limits of that.

    `enabled` is the rule for all feeds, `feeds` those of single ones (URL of the feed → mode): "off", "short" (only
    articles for which the feed gives fewer than `min_text_characters`) or "all". Pages are fetched under the same
    FetchSettings as feeds, but for their size.
    """

    enabled: FullTextMode = "off"
    feeds: Mapping[str, FullTextMode] = field(default_factory=dict)
    min_text_characters: int = 600  # of the feed's own text, from which "short" leaves the page alone
    min_page_characters: int = 250  # a page that says less is a teaser, a gallery or an error
    max_page_bytes: int = 5 * _MIB  # after inflation; the largest of 32 real pages measured has 1.8 MiB
    max_pages_per_feed: int = 50  # in one visit, in the order of the feed; the rest keeps the feed's text
    max_concurrency: int = 8  # pages at a time
    workers: int = 0  # processes; 0: one per core, four at most
    deadline_seconds: float = 15.0  # of the extraction from one page
    max_memory_bytes: int = 1024 * _MIB

    def __post_init__(self) -> None:
        _positive(
            self,
            "min_text_characters",
            "min_page_characters",
            "max_page_bytes",
            "max_pages_per_feed",
            "max_concurrency",
            "deadline_seconds",
            "max_memory_bytes",
        )
        if self.workers < 0:
            raise SettingsError(f"FullTextSettings.workers is {self.workers}; it must be 0 (one per core) or more")
        for name, mode in {"enabled": self.enabled, **self.feeds}.items():
            if mode not in _MODES:
                raise SettingsError(f"FullTextSettings: {name} is {mode!r}; it is one of {', '.join(_MODES)}")

    @property
    def active(self) -> bool:
        """Whether the page of any article may be asked for."""
        return any(mode != "off" for mode in (self.enabled, *self.feeds.values()))


@dataclass(frozen=True, slots=True)
class ArticleLimits:
    """Longest fields of an article, in characters; what is longer is cut."""

    max_title_characters: int = 1_000
    max_text_characters: int = 100_000
    max_url_characters: int = 2_048
    max_guid_characters: int = 2_048
    max_source_characters: int = 200

    def __post_init__(self) -> None:
        _positive(
            self,
            "max_title_characters",
            "max_text_characters",
            "max_url_characters",
            "max_guid_characters",
            "max_source_characters",
        )
