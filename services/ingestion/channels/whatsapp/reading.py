"""Reading JSON that anyone may have shaped: nothing here raises."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

LONGEST = 65_536
LONGEST_ID = 512
LONGEST_PARTY = 256
DEEPEST = 64

_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()


def text(value: object, longest: int = LONGEST) -> str:
    """A string or a whole number as text, '' for anything else. PostgreSQL holds no NUL."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)[:longest]
    return value.replace("\0", "")[:longest] if isinstance(value, str) else ""


def identifier(value: object, longest: int = LONGEST_ID) -> str:
    """An id as text, '' when it is too long to be one: cut short it would be another's."""
    found = text(value, longest + 1).strip()
    return found if len(found) <= longest else ""


def mapping(value: object) -> Mapping[str, Any]:
    """A JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def objects(value: object) -> list[dict[str, Any]]:
    """The objects of a JSON array; none for anything else."""
    if not isinstance(value, list):
        return []
    return [element for element in value if isinstance(element, dict)]


def first(value: object) -> Mapping[str, Any]:
    """The first object of a JSON array; an empty one when there is none."""
    return next(iter(objects(value)), {})


def shallow(value: object, depth: int = DEEPEST) -> Any:
    """A JSON value without what is nested deeper than anyone writes."""
    if isinstance(value, dict):
        return {k: shallow(v, depth - 1) for k, v in value.items()} if depth else {}
    if isinstance(value, list):
        return [shallow(v, depth - 1) for v in value] if depth else []
    return value


def time(value: object) -> datetime | None:
    """Unix seconds (or milliseconds), as a number or as text; None when it cannot be one."""
    digits = text(value, 16)
    if not (digits.isascii() and digits.isdigit()):
        return None
    seconds = int(digits) / (1000 if len(digits) >= 13 else 1)
    return datetime.fromtimestamp(seconds, UTC) if _EARLIEST < seconds < _LATEST else None


def degrees(value: object, bound: float) -> float | None:
    """A number between -bound and bound; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) and abs(number) <= bound else None
