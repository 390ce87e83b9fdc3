"""Times in messages. A Timestamp may name moments that no calendar here has."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidRequest

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


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


def timestamp_of(time: datetime | None) -> Timestamp | None:
    """A time that has a zone, as all of PostgreSQL's have, to the microsecond.

    Protobuf would take the time as it is, but goes through the calendar: five times as long.
    """
    if time is None:
        return None
    since = time - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)
