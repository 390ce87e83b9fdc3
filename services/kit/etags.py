"""Versions of resources: an update that names the one it read cannot overwrite another's.

RFC 9110, 8.8.3 and 13.1.1. The pipeline takes If-Match for the request's `etag` and returns the
header ETag; AIP-154 is the same within the message.
"""

from __future__ import annotations

import hashlib
from typing import Any, TypeVar

from google.protobuf.message import Message

from services.kit.errors import Aborted

M = TypeVar("M", bound=Message)


class EtagMismatch(Aborted):
    """It has changed since it was read: read it again, and send its etag."""


def with_etag(message: M) -> M:
    """The message with its etag set: a hash of its other fields."""
    stamped: Any = message
    stamped.ClearField("etag")
    stamped.etag = hashlib.blake2b(
        message.SerializeToString(deterministic=True), digest_size=12
    ).hexdigest()
    return message


def require_etag(request: Any, current: Any) -> None:
    """Raise EtagMismatch unless the request's etag is empty or that of the resource now.

    Called under the row's lock. `current` is the resource as it would be returned.
    """
    if request.etag and request.etag != current.etag:
        raise EtagMismatch


def etag_of_header(value: str) -> str:
    """The etag in an If-Match header; '' for `*`, which any version matches."""
    tag = value.strip().removeprefix("W/").strip('"')
    return "" if tag == "*" else tag
