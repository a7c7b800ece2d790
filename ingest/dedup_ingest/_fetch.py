"""One feed over HTTP: conditional, bounded in time, bytes, headers and hops, and past the network guard."""

from __future__ import annotations

import asyncio
import socket
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import count
from random import Random
from typing import TYPE_CHECKING, Final
from urllib.parse import urljoin, urlsplit

from ._errors import ErrorKind, FetchError
from ._failure import retry_after_seconds, retry_delay_seconds
from ._freshness import fresh_seconds
from ._guard import AddressRefusedError, NetworkGuard, refusal_message
from ._hosts import Hosts, Waits
from ._outcome import FeedRequest, Redirect
from ._settings import FetchSettings
from ._text import storable
from ._urls import host_of

if TYPE_CHECKING:
    import aiohttp
    from aiohttp.abc import AbstractResolver

_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CODINGS: Final = frozenset({"", "identity", "gzip", "deflate", "br", "zstd"})
_CHUNK_BYTES: Final = 64 * 1024
_MAX_VALIDATOR_CHARACTERS: Final = 1024
_ACCEPT: Final = "application/rss+xml, application/atom+xml, application/feed+json, application/xml;q=0.9, */*;q=0.5"


@dataclass(frozen=True, slots=True)
class Kind:
    """What is asked for: its media types, the most bytes of it after inflation, and the name of that limit."""

    accept: str
    max_bytes: int
    limit: str


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came over the wire (or from a file). `body` is None for 304."""

    body: bytes | None
    http_status: int | None
    final_url: str
    redirects: tuple[Redirect, ...] = ()
    content_type: str | None = None
    etag: str | None = None
    last_modified: str | None = None
    fresh_seconds: float | None = None


class Fetcher:
    """An HTTP session with the room's limits; use as an async context manager.

    `resolver` replaces the system's name lookup (for instance by one that asks your own DNS server); the guard judges
    its answers like any other.
    """

    def __init__(
        self, settings: FetchSettings, resolver: AbstractResolver | None = None, random: Random | None = None
    ) -> None:
        self._settings = settings
        self._feeds = Kind(_ACCEPT, settings.max_body_bytes, "max_body_bytes")
        self._guard = NetworkGuard(settings.allow_networks)
        self._hosts = Hosts(settings.max_concurrency_per_host, settings.host_spacing_seconds)
        self._given_resolver = resolver
        self._random = random or Random()  # noqa: S311 - spreads load, guards nothing

    async def __aenter__(self) -> Fetcher:
        import aiohttp

        from ._resolver import GuardedResolver, ThreadResolver

        settings = self._settings
        self._resolver = self._given_resolver or ThreadResolver(settings.dns_threads)
        connector = aiohttp.TCPConnector(
            resolver=GuardedResolver(self._resolver, self._guard),
            use_dns_cache=False,  # an address is judged when it is connected to, so an old answer is of no use
            socket_factory=self._guard.open_socket,
            limit=0,  # the collector's own slots limit, which know hosts and not only (host, port) pairs
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            timeout=aiohttp.ClientTimeout(
                total=None,  # one deadline over all hops, in `fetch`
                sock_connect=settings.connect_timeout_seconds,
                sock_read=settings.read_timeout_seconds,
            ),
            headers={"User-Agent": settings.user_agent},
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=settings.max_header_bytes,
            max_field_size=settings.max_header_bytes,
            max_headers=settings.max_headers,
            proxy=settings.proxy or None,
            trust_env=False,  # a proxy from the environment would connect where the guard does not see
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def fetch(self, request: FeedRequest, kind: Kind | None = None, turn: Waits | None = None) -> Fetched:
        """The answer to a request, after redirects and retries. Raises FetchError, whatever goes wrong.

        `kind` is what is asked for, a feed by default. The total deadline does not run while the request waits for
        room at a host, and `turn` is told of that.
        """
        seconds = self._settings.total_deadline_seconds
        try:
            async with asyncio.timeout(seconds) as deadline:
                for retries in count():
                    try:
                        return await self._attempt(request, kind or self._feeds, deadline, turn)
                    except FetchError as error:
                        delay = retry_delay_seconds(error, retries, self._settings, self._random)
                        left = (deadline.when() or 0.0) - asyncio.get_running_loop().time()
                        if delay is None or delay >= left:
                            raise
                    await asyncio.sleep(delay)
        except TimeoutError as error:
            raise FetchError(ErrorKind.TIMEOUT, f"not finished after {seconds:g} s (total_deadline_seconds)") from error
        raise AssertionError("count() does not end")

    async def _attempt(
        self, request: FeedRequest, kind: Kind, deadline: asyncio.Timeout, turn: Waits | None
    ) -> Fetched:
        import aiohttp

        try:
            return await self._follow(request, kind, deadline, turn)
        except FetchError:
            raise
        except aiohttp.ClientError as error:
            raise _explained(error) from error
        except (ValueError, OSError, RuntimeError) as error:
            # aiohttp lets a few of these through: a header it cannot write, a host name IDNA refuses.
            raise FetchError(ErrorKind.PROTOCOL, f"cannot be fetched: {_words(error)}") from error

    async def _follow(self, request: FeedRequest, kind: Kind, deadline: asyncio.Timeout, turn: Waits | None) -> Fetched:
        url = request.url
        hops: list[Redirect] = []
        unconditional = request.etag is None and request.last_modified is None
        again = not unconditional and self._random.random() < self._settings.unconditional_share
        while True:
            self._check_url(url)
            if self._settings.proxy:
                await self._check_host_behind_proxy(url)
            headers = {} if again else _conditions(request)
            headers["Accept"] = kind.accept
            if again:
                headers["Cache-Control"] = "no-cache"
            async with self._hosts.slot(host_of(url), deadline, turn), self._get(url, headers) as response:
                status = response.status
                if status == 304:
                    if not unconditional:
                        return Fetched(
                            None,
                            status,
                            url,
                            tuple(hops),
                            etag=request.etag,
                            last_modified=request.last_modified,
                            fresh_seconds=fresh_seconds(response.headers, datetime.now(UTC)),
                        )
                    if again:
                        raise FetchError(
                            ErrorKind.PROTOCOL, "says 304 Not Modified although nothing is stored here", http_status=304
                        )
                    again = True
                    continue
                if status not in _REDIRECTS:
                    return await self._read(response, url, hops, kind)
                target = response.headers.get("Location", "").strip()
            url = self._next_hop(url, target, status, hops)
            hops.append(Redirect(status, url))

    def _get(self, url: str, headers: dict[str, str]) -> aiohttp.client._RequestContextManager:
        import yarl

        try:
            parsed = yarl.URL(url)
        except ValueError as error:
            raise FetchError(ErrorKind.INVALID_URL, f"{url[:200]!r} is not a URL ({error})") from error
        return self._session.get(parsed, headers=headers, allow_redirects=False)

    def _check_url(self, url: str) -> None:
        try:
            parts = urlsplit(url)
            host, _ = parts.hostname, parts.port
        except ValueError as error:
            raise FetchError(ErrorKind.INVALID_URL, f"{url[:200]!r} is not a URL ({error})") from error
        if parts.scheme not in ("http", "https"):
            raise FetchError(
                ErrorKind.INVALID_URL, f"only http and https are fetched, not {parts.scheme or url[:80]!r}"
            )
        if not host:
            raise FetchError(ErrorKind.INVALID_URL, f"{url[:200]!r} names no host")
        if len(url) > self._settings.max_url_characters:
            raise FetchError(
                ErrorKind.INVALID_URL,
                f"the URL has {len(url)} characters; max_url_characters is {self._settings.max_url_characters}",
            )

    async def _check_host_behind_proxy(self, url: str) -> None:
        """Refuse a host that the guard would refuse: the proxy connects where the guard does not see.

        All addresses must pass, because the proxy chooses. A name that the proxy resolves to something else than we do
        gets through; only a proxy with rules of its own can prevent that.
        """
        host = urlsplit(url).hostname or ""
        try:
            found = await self._resolver.resolve(host, 0, socket.AF_UNSPEC)
        except OSError as error:
            raise FetchError(ErrorKind.DNS, f"the name {host!r} cannot be resolved: {_words(error)}") from error
        for address in [result["host"] for result in found]:
            why = self._guard.refusal(address)
            if why is not None:
                raise FetchError(ErrorKind.REFUSED_ADDRESS, refusal_message(address, why))

    def _next_hop(self, url: str, target: str, status: int, hops: list[Redirect]) -> str:
        limit = self._settings.max_redirects
        if not target:
            raise FetchError(ErrorKind.REDIRECT, f"redirects ({status}) without saying where to", http_status=status)
        if len(hops) >= limit:
            raise FetchError(
                ErrorKind.REDIRECT, f"redirects more than {limit} times (max_redirects)", http_status=status
            )
        try:
            following = urljoin(url, target)
            scheme = urlsplit(following).scheme
        except ValueError as error:
            raise FetchError(
                ErrorKind.REDIRECT, f"redirects to {target[:200]!r}, which is no URL", http_status=status
            ) from error
        if scheme not in ("http", "https"):
            raise FetchError(
                ErrorKind.REDIRECT,
                f"redirects to {target[:200]!r}; only http and https are followed",
                http_status=status,
            )
        return following

    async def _read(self, response: aiohttp.ClientResponse, url: str, hops: list[Redirect], kind: Kind) -> Fetched:
        if response.status != 200:
            raise FetchError(
                ErrorKind.HTTP_STATUS,
                f"the server answers {response.status} {(response.reason or '')[:80]}".rstrip(),
                http_status=response.status,
                retry_after_seconds=retry_after_seconds(
                    response.headers.get("Retry-After"), datetime.now(UTC), self._settings.max_retry_after_seconds
                ),
            )
        headers = response.headers
        coding = headers.get("Content-Encoding", "").strip().lower()
        if coding not in _CODINGS:
            raise FetchError(
                ErrorKind.PROTOCOL,
                f"the body is encoded as {coding[:80]!r}; gzip, deflate, br and zstd are read",
                http_status=200,
            )
        body = bytearray()
        async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
            body += chunk
            if len(body) > kind.max_bytes:
                response.close()
                raise FetchError(
                    ErrorKind.TOO_LARGE,
                    f"the body is longer than {kind.max_bytes} bytes ({kind.limit})",
                    http_status=200,
                )
        return Fetched(
            bytes(body),
            response.status,
            url,
            tuple(hops),
            content_type=headers.get("Content-Type"),
            etag=_validator(headers.get("ETag")),
            last_modified=_validator(headers.get("Last-Modified")),
            fresh_seconds=fresh_seconds(headers, datetime.now(UTC)),
        )


def _validator(value: str | None) -> str | None:
    """A validator that can be stored and sent again as it came; None for one with bytes that are not UTF-8."""
    if value is None or len(value) > _MAX_VALIDATOR_CHARACTERS or storable(value) != value:
        return None
    return value


def _conditions(request: FeedRequest) -> dict[str, str]:
    headers = {}
    if request.etag is not None:
        headers["If-None-Match"] = request.etag
    if request.last_modified is not None:
        headers["If-Modified-Since"] = request.last_modified
    return headers


def _explained(error: aiohttp.ClientError) -> FetchError:
    import aiohttp
    from aiohttp.http_exceptions import ContentEncodingError

    cause = getattr(error, "os_error", None) or error.__cause__
    if isinstance(cause, AddressRefusedError) or "the network guard refuses" in str(error):
        return FetchError(ErrorKind.REFUSED_ADDRESS, str(cause or error))
    if isinstance(error, aiohttp.ServerTimeoutError):
        return FetchError(ErrorKind.TIMEOUT, f"silent for too long: {_words(error)}")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return FetchError(ErrorKind.DNS, f"the name {error.host!r} cannot be resolved: {_words(cause or error)}")
    if isinstance(error, aiohttp.ClientSSLError) or isinstance(cause, ssl.SSLError):
        return FetchError(ErrorKind.TLS, f"no secure connection: {_words(error)}")
    if isinstance(error, aiohttp.InvalidURL):
        return FetchError(ErrorKind.INVALID_URL, f"not a URL: {_words(error)}")
    if isinstance(error, aiohttp.ClientHttpProxyError):
        return FetchError(ErrorKind.CONNECT, f"no connection: the proxy answers {error.status} {error.message[:80]}")
    if isinstance(error, aiohttp.ClientConnectorError):
        return FetchError(ErrorKind.CONNECT, f"no connection: {_words(error)}")
    if isinstance(error, aiohttp.ClientOSError | aiohttp.ServerDisconnectedError):
        return FetchError(ErrorKind.CONNECT, f"the connection broke: {_words(error)}")
    if isinstance(error, aiohttp.ClientPayloadError) and not isinstance(cause, ContentEncodingError):
        # The next attempt may get all of it; a body that is not what its Content-Encoding says will be so again.
        return FetchError(ErrorKind.CONNECT, f"the body broke off: {_words(error)}")
    return FetchError(ErrorKind.PROTOCOL, f"the answer breaks the rules of HTTP: {_words(error)}")


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return (text if len(text) <= 300 else f"{text[:300]}…") or type(error).__name__
