"""Networks that an API key may be used from."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from functools import lru_cache

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Networks:
    """Addresses that are allowed; all of them when no network is named."""

    allowed: tuple[_Network, ...] = ()

    @classmethod
    def of(cls, texts: tuple[str, ...]) -> Networks:
        """From CIDR notation or single addresses. Raises ValueError."""
        return _read(texts)

    def admit(self, address: str) -> bool:
        """Whether an address may be used. One that nobody vouches for may not."""
        if not self.allowed:
            return True
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
            found = found.ipv4_mapped
        return any(found in network for network in self.allowed)


EVERYWHERE = Networks()


def place_of(address: str) -> str:
    """Where an address is, without saying it: a hash of the address, for IPv6 of its /64."""
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        where = address
    else:
        where = (
            str(found)
            if isinstance(found, ipaddress.IPv4Address)
            else str(ipaddress.ip_network((found, 64), strict=False))
        )
    return hashlib.blake2b(where.encode(), digest_size=12).hexdigest()


@lru_cache(maxsize=1024)
def _read(texts: tuple[str, ...]) -> Networks:
    return Networks(tuple(_network(text) for text in texts))


def _network(text: str) -> _Network:
    network = ipaddress.ip_network(text, strict=False)
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    # As with addresses: ::ffff:10.0.0.0/104 is 10.0.0.0/8.
    if mapped is None or network.prefixlen < 96:
        return network
    return ipaddress.IPv4Network((mapped, network.prefixlen - 96))
