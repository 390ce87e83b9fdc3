"""When to stop asking a provider that fails, and when to try it again. Pure, told the time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NewType

Attempt = NewType("Attempt", int)


@dataclass(slots=True)
class Breaker:
    """Closed: everybody may ask. Open: nobody. After a pause one may ask, and decides for all.

    Every admitted attempt ends with exactly one of `succeeded`, `failed` and `abandoned`. What an
    attempt from before the last change of state reports is old news and changes nothing.
    """

    failures_allowed: int = 3
    """This many in a row open it."""
    pause: float = 30.0
    """Seconds before the next trial, unless the provider named a longer time."""
    _failures: int = 0
    _open_until: float | None = None
    _trial: bool = False
    _period: int = 0

    def admit(self, now: float) -> Attempt | None:
        """A token to report the outcome with, or None when nobody may ask now."""
        if self._open_until is not None:
            if self._trial or now < self._open_until:
                return None
            self._trial = True
            self._period += 1
        return Attempt(self._period)

    def succeeded(self, attempt: Attempt) -> None:
        """The provider answered, if only to refuse: it works."""
        if attempt == self._period:
            self._failures = 0
            if self._trial:
                self._trial, self._open_until = False, None
                self._period += 1

    def failed(self, attempt: Attempt, now: float, wait: float | None = None) -> None:
        """The provider did not answer. A wait that it asked for opens the breaker at once."""
        if attempt != self._period:
            return
        self._failures += 1
        if self._trial or wait is not None or self._failures >= self.failures_allowed:
            self._open_until = now + (self.pause if wait is None else wait)
            self._failures, self._trial = 0, False
            self._period += 1

    def abandoned(self, attempt: Attempt) -> None:
        """Whoever asked gave up, so the outcome is not known. A trial may be made again."""
        if attempt == self._period and self._trial:
            self._trial = False
            self._period += 1

    def closed_in(self, now: float) -> float:
        """Seconds until somebody may ask again: 0 when anybody may now."""
        if self._open_until is None:
            return 0.0
        return max(self._open_until - now, 0.0)
