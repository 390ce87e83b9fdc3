"""Whose passwords are being worked on: so many at once in all, of an account, of an address."""

from __future__ import annotations

import ipaddress
import threading
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

MOST_PER_ADDRESS = 4
"""Many people may share an address, but not take the others' places."""

Subject: TypeAlias = tuple[str, str]


class Turns:
    """Counts what was begun and is not done. Threads give turns back, so it is locked."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._taken: Counter[Subject] = Counter()

    def of(self, account: str, address: str) -> Mapping[Subject, int]:
        """What a turn counts for, and how many there may be of each; an empty name is nobody's."""
        place = place_of(address)
        return {
            ("all", ""): self._most,
            **({("account", account): 1} if account else {}),
            **({("address", place): MOST_PER_ADDRESS} if place else {}),
        }

    def take(self, turn: Mapping[Subject, int]) -> bool:
        """Whether it is theirs now; if not, nothing was taken."""
        with self._lock:
            if any(self._taken[subject] >= most for subject, most in turn.items()):
                return False
            self._taken.update(turn.keys())
            return True

    def give_back(self, turn: Mapping[Subject, int]) -> None:
        """Let somebody else have it."""
        with self._lock:
            self._taken.subtract(turn.keys())
            self._taken = +self._taken  # Names of those who are done are not kept.


def place_of(address: str) -> str:
    """What of an IP address stands for somebody: all of IPv4, the network of IPv6 (/64).

    Every home has a /64 to choose its addresses from.
    """
    try:
        ip = ipaddress.ip_address(address.strip())
    except ValueError:
        return ""
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is None:
            return str(ipaddress.IPv6Network((int(ip) >> 64 << 64, 64)))
        return str(ip.ipv4_mapped)
    return str(ip)
