"""Addresses of clients, in one spelling; what counts as one client."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_LONGEST: Final = 64  # 45 characters, and the name of a network card
_NAT64: Final = IPv6Network("64:ff9b::/96")
_AROUND: Final = ((56, 4), (48, 16))


def parse(host: str) -> IPv4Address | IPv6Address:
    """Return an address; one of IPv4 that was written as IPv6 is one of IPv4.

    Raises:
        ValueError: It is no address.
    """
    if len(host) > _LONGEST:  # a zone behind a % has no end, and what is parsed is remembered
        raise ValueError("no address is that long")
    return _parse(host)


@lru_cache(maxsize=1024)
def _parse(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def group(address: IPv4Address | IPv6Address) -> str:
    """Return what counts as one client: an IPv4 address, or an IPv6 network of 64 bits, which is what one line gets.

    An address of IPv6 that stands for one of IPv4 counts as that. Behind a translator (NAT64, RFC 6052) all users of
    IPv4 are in one network of 64 bits, and one of them would use up the budget of all; with 6to4 (RFC 3056) one
    address of IPv4 has 65,536 such networks. This is for counting alone: whoever is trusted is not found by it.
    """
    if isinstance(address, IPv6Address):
        inside = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.sixtofour
        return str(inside) if inside else f"{_network(address, 64)}/64"
    return str(address)


@lru_cache(maxsize=1024)
def around(client: str) -> tuple[tuple[str, int], ...]:
    """Return the networks around what `group` returned, and how many clients each counts for.

    Who rents a server or a line gets 256 networks of 64 bits, or 65,536. With a budget for each of them he has no
    limit at all; with one for all together, a street of other people would share it.
    """
    address, _, bits = client.partition("/")
    if not bits:
        return ()
    return tuple((f"{_network(IPv6Address(address), size)}/{size}", times) for size, times in _AROUND)


def _network(address: IPv6Address, bits: int) -> IPv6Address:
    return IPv6Address(int(address) >> (128 - bits) << (128 - bits))
