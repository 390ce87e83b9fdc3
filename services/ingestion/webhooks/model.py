"""Verdicts: which check rejects an item, in which order; and how much of a flood is kept."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from cachetools import LRUCache


class Reason(StrEnum):
    """Why a webhook event was rejected."""

    SIGNATURE_MISMATCH = "SIGNATURE_MISMATCH"
    """The signature is missing, or not over this body by the connection's secret."""
    BODY_EMPTY = "BODY_EMPTY"
    """There is no body."""
    BODY_UNREADABLE = "BODY_UNREADABLE"
    """The body is not JSON."""
    ENVELOPE_UNKNOWN = "ENVELOPE_UNKNOWN"
    """The body is JSON, but not what this channel's provider sends."""
    CONNECTION_PAUSED = "CONNECTION_PAUSED"
    """The business switched the connection off."""
    TENANT_SUSPENDED = "TENANT_SUSPENDED"
    """The tenant is not served."""
    RATE_LIMITED = "RATE_LIMITED"
    """The tenant received more than its plan allows in a minute."""
    ITEM_UNREADABLE = "ITEM_UNREADABLE"
    """The item lacks what makes it a message or a status."""
    TYPE_UNSUPPORTED = "TYPE_UNSUPPORTED"
    """Nothing here acts on items of this type."""
    ROUTE_NOT_FOUND = "ROUTE_NOT_FOUND"
    """The item is for a number or account that the tenant has not connected."""
    DUPLICATE = "DUPLICATE"
    """The same item was accepted before."""


@dataclass(slots=True)
class Facts:
    """What the verdict on one item rests on: true until found otherwise."""

    connection_active: bool = True
    """Of the connection it was sent to, and of the one it is for."""
    tenant_active: bool = True
    within_rate: bool = True
    readable: bool = True
    supported: bool = True
    routed: bool = True


# In this order: what costs the tenant nothing to know comes before what it pays for, and nobody
# learns from a reason which numbers exist while the tenant is not served.
_CHECKS: tuple[tuple[Reason, Callable[[Facts], bool]], ...] = (
    (Reason.CONNECTION_PAUSED, lambda facts: facts.connection_active),
    (Reason.TENANT_SUSPENDED, lambda facts: facts.tenant_active),
    (Reason.RATE_LIMITED, lambda facts: facts.within_rate),
    (Reason.ITEM_UNREADABLE, lambda facts: facts.readable),
    (Reason.TYPE_UNSUPPORTED, lambda facts: facts.supported),
    (Reason.ROUTE_NOT_FOUND, lambda facts: facts.routed),
)


def verdict(facts: Facts) -> Reason | None:
    """The first check that fails; None when all pass and only a duplicate is left to rule out."""
    for reason, passes in _CHECKS:
        if not passes(facts):
            return reason
    return None


class Allowance:
    """Lets a burst through, then so many a second: what a flood may cost the database."""

    __slots__ = ("_burst", "_left", "_per_second", "_then")

    def __init__(self, burst: int, per_second: float) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._then = 0.0

    def take(self, now: float) -> bool:
        """Whether one more is let through at this second."""
        earned = max(0.0, now - self._then) * self._per_second
        self._left = min(self._burst, self._left + earned)
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Floods:
    """What may be written for whoever has proven nothing: the rest is answered and only counted."""

    _CONNECTIONS = 10_000

    def __init__(self) -> None:
        self._unrouted = Allowance(burst=100, per_second=5)
        self._refused: LRUCache[str, Allowance] = LRUCache(self._CONNECTIONS)

    def admits_unrouted(self, now: float) -> bool:
        """Whether one more webhook to nowhere is kept."""
        return self._unrouted.take(now)

    def admits_refused(self, connection_id: str, now: float) -> bool:
        """Whether one more webhook without a right signature is kept in its connection's ledger."""
        allowance = self._refused.get(connection_id)
        if allowance is None:
            allowance = self._refused[connection_id] = Allowance(burst=200, per_second=5)
        return allowance.take(now)
