"""Which network addresses may be reached at the word of a user. Pure, apart from the look-up itself."""

from __future__ import annotations

import ipaddress
import socket

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

#: How many of a host's addresses are tried; a machine without IPv6 must not fail at hosts that have it.
TRIED_ADDRESSES = 3

#: IPv6 that carries an IPv4 address in its last 32 bits: NAT64 (RFC 6052), IPv4-compatible (RFC 4291), SIIT (RFC 2765).
_CARRIERS = tuple(ipaddress.IPv6Network(text) for text in ("64:ff9b::/96", "::/96", "::ffff:0:0:0/96"))
#: Not on the public internet by their standards, though not every ipaddress module knows: site-local (RFC 3879), local NAT64
#: (RFC 8215), SRv6 SIDs (RFC 9602), documentation (RFC 9637), 6to4 relays (RFC 7526).
_INNER = tuple(
    ipaddress.ip_network(text) for text in ("fec0::/10", "64:ff9b:1::/48", "5f00::/16", "3fff::/20", "192.88.99.0/24")
)


class AddressRefused(Exception):
    """The host has no address that may be reached."""


def resolve_public_addresses(host: str, port: int, *, allow_private: bool) -> list[IPAddress]:
    """Return the addresses to connect to, best first; raise AddressRefused for inner ones, OSError if the name is not known.

    The caller connects to exactly these, so that a name cannot point elsewhere a moment later. A name with one inner
    address is refused whole: picking an outer one would depend on the order of answers.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    if not addresses:
        raise AddressRefused(f"{host} has no address.")
    inner = [address for address in addresses if not is_public(address)]
    if inner and not allow_private:
        raise AddressRefused(f"{host} is at {inner[0]}, which is not on the public internet.")
    return list(dict.fromkeys(addresses))


def is_public(address: IPAddress) -> bool:
    """Say whether an address is on the public internet, seen through every way of wrapping IPv4 into IPv6."""
    if isinstance(address, ipaddress.IPv6Address):
        inner = _unwrap(address)
        if inner is not None:
            return is_public(inner)
    return address.is_global and not address.is_multicast and not any(address in network for network in _INNER)


def _unwrap(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    if any(address in network for network in _CARRIERS):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour
