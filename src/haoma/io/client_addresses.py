"""Client addresses: their canonical form, and which of them count as one client."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Final

_LONGEST: Final = 64  # 45 characters plus the name of a network interface
_NAT64: Final = IPv6Network("64:ff9b::/96")
_AROUND: Final = ((56, 4), (48, 16))


def parse(host: str) -> IPv4Address | IPv6Address:
    """Return an address. An IPv4-mapped IPv6 address becomes IPv4.

    Raises:
        ValueError: The text is not an address.
    """
    if len(host) > _LONGEST:  # a zone after % has no length limit, and results are cached
        raise ValueError("no address is that long")
    return _parse(host)


@lru_cache(maxsize=1024)
def _parse(host: str) -> IPv4Address | IPv6Address:
    address = ip_address(host)
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def group(address: IPv4Address | IPv6Address) -> str:
    """Return what counts as one client: an IPv4 address, or the /64 network of an IPv6 address (one subscriber line).

    An IPv6 address that stands for an IPv4 address counts as the latter. Behind a translator (NAT64, RFC 6052) all IPv4
    users share one /64, and one of them could use up the budget of all. With 6to4 (RFC 3056) one IPv4 address has
    65,536 such networks. Use this only for counting, never to decide who is trusted.
    """
    if isinstance(address, IPv6Address):
        inside = IPv4Address(int(address) & 0xFFFFFFFF) if address in _NAT64 else address.sixtofour
        return str(inside) if inside else f"{_network(address, 64)}/64"
    return str(address)


@lru_cache(maxsize=1024)
def around(client: str) -> tuple[tuple[str, int], ...]:
    """Return the networks around a result of `group`, and how many clients each counts as.

    A rented server or line often gets 256 or even 65,536 networks of size /64. With a separate budget for each, an
    attacker would have no limit. With a single budget for all, a street of neighbours would share it.
    """
    address, _, bits = client.partition("/")
    if not bits:
        return ()
    return tuple((f"{_network(IPv6Address(address), size)}/{size}", times) for size, times in _AROUND)


def _network(address: IPv6Address, bits: int) -> IPv6Address:
    return IPv6Address(int(address) >> (128 - bits) << (128 - bits))
