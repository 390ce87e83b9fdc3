"""Acknowledging goes first: while many webhooks come in, judging them gets a part of the time."""

import asyncio
import math
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

_WINDOW_SECONDS = 0.5
# Batches grow when webhooks come faster than they are committed: the sign that holds on every
# machine. A few large batches alone are no flood.
_HIGH_BATCH = 8.0
_HIGH_WEBHOOKS = 100.0
# At full speed judging, and all that follows it, made acknowledging five times slower.
_SHARE = 0.1
_MOST_HELD = 100_000


class Pressure:
    """How fast webhooks come in, and whose turn it is.

    A provider that is not answered sends again, and holds back what comes after; a webhook that is
    stored waits safely. Where the roles run in processes of their own, nothing is held back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._webhooks = 0.0
        self._batches = 0.0
        self._then = clock()
        self._turn = asyncio.Lock()

    def arrived(self, count: int) -> None:
        """Count a batch of webhooks that was taken in."""
        kept = self._kept()
        self._webhooks = self._webhooks * kept + count
        self._batches = self._batches * kept + 1
        self._then = self._clock()

    @property
    def high(self) -> bool:
        """Whether judging must hold back."""
        webhooks = self._webhooks * self._kept()
        return webhooks > _HIGH_WEBHOOKS and self._webhooks > _HIGH_BATCH * self._batches

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

    def _kept(self) -> float:
        return math.exp((self._then - self._clock()) / _WINDOW_SECONDS)


class Backlog:
    """Batches that this process took in under pressure and judges itself, without the bus.

    It saves the bus a command for each batch at the worst of times. It may be lost with the
    process: the batch's durable timer brings it back.
    """

    def __init__(self) -> None:
        self.open = False
        """Whether somebody in this process works it off."""
        self._batches: deque[tuple[str, str]] = deque(maxlen=_MOST_HELD)
        self._more = asyncio.Event()

    def put(self, tenant_id: str, batch_id: str) -> None:
        """Hold a batch that has been committed."""
        self._batches.append((tenant_id, batch_id))
        self._more.set()

    async def next(self) -> tuple[str, str]:
        """The tenant and id of the batch that was held longest."""
        while not self._batches:
            self._more.clear()
            await self._more.wait()
        return self._batches.popleft()
