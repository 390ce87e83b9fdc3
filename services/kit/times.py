"""Times in requests: a Timestamp may name moments that no calendar here has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message

from services.kit.errors import InvalidRequest


def time_of(request: Message, field: str) -> datetime | None:
    """A time that a request may carry; None when it does not. Raises InvalidRequest."""
    if not request.HasField(field):
        return None
    timestamp: Any = getattr(request, field)
    try:
        time: datetime = timestamp.ToDatetime(UTC)
    except (ValueError, OverflowError):
        raise InvalidRequest([(field, "must be a time of the years 1 to 9999")]) from None
    return time
