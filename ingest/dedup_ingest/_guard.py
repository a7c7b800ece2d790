"""The network guard: feeds are written by strangers, and their URLs must not reach into our own network.

One choke point: the connector asks `NetworkGuard.open_socket` for a socket for each address it is about to connect to,
after the name was resolved and at every redirect hop. What is refused there is never connected to, whatever the URL
looked like (`0x7f.1`, `2130706433`, a name that resolves to something else the second time). Of a name with public and
private addresses only the public ones are used.
"""

from __future__ import annotations

import socket
from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

# Written out: `is_global` of Python 3.11.7 is True for 64:ff9b::7f00:1, 2002:7f00:1::, 224.0.0.1 and fec0::1.
# Sources: IANA IPv4 and IPv6 special-purpose address registries.
_REFUSED_V4: Final = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "unspecified"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
    )
)
_GLOBAL_V6: Final = IPv6Network("2000::/3")
_REFUSED_V6: Final = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::ffff:0:0/96", "IPv4-mapped"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("::/96", "IPv4-compatible"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard-only"),
        ("2001::/32", "Teredo"),
        ("2001::/23", "protocol assignments"),
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)


class AddressRefusedError(OSError):
    """The guard does not let a connection through to this address."""


class NetworkGuard:
    """Decides about addresses. `allow_networks`: CIDR networks that are let through although they are not public."""

    def __init__(self, allow_networks: Iterable[str] = ()) -> None:
        self._allowed = tuple(ip_network(network) for network in allow_networks)

    def refusal(self, address: str) -> str | None:
        """Why the address is refused, or None when a connection may be made."""
        try:
            ip = ip_address(address)
        except ValueError:
            return "not an IP address"
        if any(_contains(network, ip) for network in self._allowed):
            return None
        if isinstance(ip, IPv4Address):
            return next((why for network, why in _REFUSED_V4 if ip in network), None)
        why = next((why for network, why in _REFUSED_V6 if ip in network), None)
        return why or (None if ip in _GLOBAL_V6 else "not global unicast")

    def open_socket(self, address_info: tuple[Any, ...]) -> socket.socket:
        """A socket for one entry of getaddrinfo, or AddressRefusedError when it is not to be used."""
        family, kind, protocol, _, address = address_info
        why = self.refusal(str(address[0]))
        if why is not None:
            raise AddressRefusedError(refusal_message(str(address[0]), why))
        return socket.socket(family=family, type=kind, proto=protocol)


def refusal_message(address: str, why: str) -> str:
    """What is said of a refused address."""
    return f"the network guard refuses {address} ({why}); allow_networks would let it through"


def _contains(network: IPv4Network | IPv6Network, ip: IPv4Address | IPv6Address) -> bool:
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None and network.version == 4:
        ip = ip.ipv4_mapped
    return ip.version == network.version and ip in network
