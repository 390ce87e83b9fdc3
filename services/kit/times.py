"""Times in messages. A Timestamp may name moments that no calendar here has."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from services.kit.errors import InvalidRequest

M = TypeVar("M", bound=Message)

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


def message_of(kind: type[M], row: Mapping[str, Any], **more: Any) -> M:
    """A message with a row's columns as its fields, and more, which counts instead of a column.

    Protobuf would take the times as they are, but goes through the calendar for each: half of what
    reading a resource costs beside the database.
    """
    fields = {
        name: timestamp_of(value) if value.__class__ is datetime else value
        for name, value in row.items()
    }
    return kind(**(fields | more))


def timestamp_of(time: datetime) -> Timestamp:
    """A time with its zone, to the microsecond."""
    since = time - _EPOCH
    return Timestamp(seconds=since.days * 86400 + since.seconds, nanos=since.microseconds * 1000)
