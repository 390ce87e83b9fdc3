"""Acknowledging goes first: while many webhooks come in, judging them gets a part of the time."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_WINDOW_SECONDS = 0.5
# A process that takes in and judges does both well up to here, with the rest of the mesh beside it
# on two cores; far above it, judging at full speed made acknowledging five times slower.
_HIGH_PER_SECOND = 400.0
_SHARE = 0.25


class Pressure:
    """What this process takes in a second, and whose turn it is.

    A provider that is not answered sends again, to all of a business's numbers at worst; a webhook
    that is stored waits safely. Where roles run in processes of their own, nothing is held back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._level = 0.0
        self._then = clock()
        self._turn = asyncio.Lock()

    def arrived(self, count: int) -> None:
        """Count webhooks that were taken in."""
        self._level = self._faded() + count
        self._then = self._clock()

    @property
    def high(self) -> bool:
        """Whether judging must hold back."""
        return self._faded() / _WINDOW_SECONDS > _HIGH_PER_SECOND

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Work at once; or, under pressure, one at a time and with rests in between."""
        if not self.high:
            yield
            return
        async with self._turn:
            started = self._clock()
            yield
            await asyncio.sleep((self._clock() - started) * (1 - _SHARE) / _SHARE)

    def _faded(self) -> float:
        return self._level * math.exp((self._then - self._clock()) / _WINDOW_SECONDS)
