"""Time as a dependency, so that rules and tests are told what time it is."""

from __future__ import annotations

from datetime import UTC, datetime


class Clock:
    """The wall clock, in UTC."""

    def now(self) -> datetime:
        return datetime.now(UTC)
