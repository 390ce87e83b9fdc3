"""Rows as messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeVar

from google.protobuf.message import Message

from services.kit.times import timestamp_of

M = TypeVar("M", bound=Message)


def from_row(kind: type[M], row: Mapping[str, Any], /, **more: Any) -> M:
    """A message with a row's columns as its fields, and more, which counts instead of a column."""
    fields = {
        name: timestamp_of(value) if value.__class__ is datetime else value
        for name, value in row.items()
    }
    return kind(**(fields | more))
