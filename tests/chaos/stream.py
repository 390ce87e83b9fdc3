"""Customers who write in bursts, and a provider that repeats itself until it is heard."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Coroutine, Sequence
from typing import Any

import aiohttp

from tests.bench.business import TOPICS, Business
from tests.chaos.verdict import Offered, Side
from tests.outside import envelope, new_customer, new_wamid, sign, text_message

LONGEST_BURST = 5
GAP = (0.05, 0.25)
"""Seconds between two messages of a burst: well below the quiet time."""
REPEATED, TWICE_AT_ONCE = 0.15, 0.05
"""How many deliveries are made again after their acknowledgement, and how many twice at once."""
_RETRIES = (0.0, 0.2, 0.5, 1.0)
_TIMEOUT = aiohttp.ClientTimeout(total=10)


class Stream:
    """Bursts at a steady pace, each from a customer of its own."""

    def __init__(
        self, session: aiohttp.ClientSession, businesses: Sequence[Business], seed: int
    ) -> None:
        self._session = session
        self._businesses = businesses
        self._draw = random.Random(seed)
        self._tasks: set[asyncio.Task[None]] = set()
        self.offered: list[Offered] = []
        """What was acknowledged."""
        self.written = 0
        self.bursts = 0
        self.deliveries: Counter[str] = Counter()
        """What deliveries met: a status, or the name of what broke."""

    async def run(self, per_second: float) -> None:
        """Start bursts until cancelled."""
        while True:
            self.salvo(1)
            await asyncio.sleep(self._draw.expovariate(per_second))

    def salvo(self, bursts: int) -> None:
        """Start many bursts at once, so that many answers are due at once."""
        for _ in range(bursts):
            self._start(self._burst(self._businesses[self.bursts % len(self._businesses)]))
            self.bursts += 1

    async def acknowledged(self, seconds: float) -> None:
        """Return when everything that was begun is acknowledged. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while self._tasks:
                await asyncio.wait(self._tasks)

    async def close(self) -> None:
        """Give up on whatever is still under way."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _burst(self, business: Business) -> None:
        customer = new_customer()
        for topic in self._draw.sample(TOPICS, self._draw.randint(1, LONGEST_BURST)):
            wamid = new_wamid()
            message = text_message(customer, topic.question, wamid)
            offered = Offered(wamid, side_of(business), customer, business.codes[topic.title])
            body = envelope(business.channel, [message], customer)
            self.written += 1
            self._start(self._deliver(business, body, offered))
            if self._draw.random() < TWICE_AT_ONCE:
                self._start(self._deliver(business, body))
            await asyncio.sleep(self._draw.uniform(*GAP))

    async def _deliver(
        self, business: Business, body: bytes, offered: Offered | None = None
    ) -> None:
        """Post the same bytes until they are acknowledged."""
        attempt = 0
        while not await self._post(business, body):
            await asyncio.sleep(_RETRIES[min(attempt, len(_RETRIES) - 1)])
            attempt += 1
        if offered is None:
            return
        self.offered.append(offered)
        if self._draw.random() < REPEATED:
            await asyncio.sleep(self._draw.uniform(0.0, 3.0))
            await self._deliver(business, body)

    async def _post(self, business: Business, body: bytes) -> bool:
        try:
            async with self._session.post(
                business.channel["webhook_url"],
                data=body,
                headers={
                    "content-type": "application/json",
                    "x-hub-signature-256": sign(body, business.channel["app_secret"]),
                },
                timeout=_TIMEOUT,
            ) as answer:
                await answer.read()
                self.deliveries[str(answer.status)] += 1
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            self.deliveries[type(error).__name__] += 1
            return False


def side_of(business: Business) -> Side:
    """A business as the judge knows it."""
    return Side(business.tenant_id, business.channel["id"], business.number)
