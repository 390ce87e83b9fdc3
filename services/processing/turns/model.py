"""How far a turn is, and why its answer may not leave."""

from __future__ import annotations

from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus

# Only what a customer or the business would call news: queued and sending are ingestion's own.
NEWS = {
    DeliveryStatus.DELIVERY_STATUS_CANCELLED: "cancelled",
    DeliveryStatus.DELIVERY_STATUS_UNKNOWN: "unknown",
    DeliveryStatus.DELIVERY_STATUS_SENT: "sent",
    DeliveryStatus.DELIVERY_STATUS_FAILED: "failed",
    DeliveryStatus.DELIVERY_STATUS_DELIVERED: "delivered",
    DeliveryStatus.DELIVERY_STATUS_READ: "read",
}
"""A delivery's status as its message's. In the order of the lattice: the later one stays.

A failure reported after the provider took the message outranks `sent`; that it reached the device
outranks the failure. So every order in which callbacks arrive ends the same. The type
processing.message_status has this order.
"""


_SENT = frozenset({"sent", "delivered", "read"})


def settles(was: str, status: str) -> bool:
    """Whether a reply that moved from one status to another can end its turn."""
    return status != "unknown" and not (was in _SENT and status in _SENT)


def refusal(status: str | None, failure_reason: str, is_its_reply: bool) -> str:
    """Why a reply may not leave, given the turn it was made for."""
    if status == "cancelled" and failure_reason in ("PERSON_TOOK_OVER", "TENANT_SUSPENDED"):
        return failure_reason
    if status in ("generating", "ready", "sending"):
        # Nothing but a person keeps back the reply that an open turn is about to send.
        return "PERSON_TOOK_OVER" if is_its_reply else "SUPERSEDED"
    return "TURN_ENDED"
