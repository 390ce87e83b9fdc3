"""What is done to the mesh."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime

import aiohttp
import asyncpg
import redis.asyncio as redis

from services.kit.devstack.keeper import State
from services.kit.devstack.mesh import Mesh
from tests.bench.business import Business
from tests.bench.figure import note
from tests.chaos.records import now
from tests.chaos.stream import Stream

SENDER = "ingestion"
"""Who sends answers; its death leaves sends behind that nobody knows the outcome of."""
PROCESSES = (
    *("ingestion", "processing", "assistants", "knowledge", "crm", "edge", "envoy"),
    *("nats", "valkey", "postgres"),
)
DROPPED = 5
"""Sends of each business that are accepted without an answer."""
SALVO = 30
"""Bursts that are written at once, so that many answers leave at once."""
UNDER_WAY = 2
"""Sends under way when the sender is killed in the middle of them."""
_RECOVERY_SECONDS = 90
_PATIENCE = 20
_SENDING = """
SELECT count(*) FROM ingestion.deliveries
 WHERE connection_id = ANY($1::uuid[]) AND status = 'sending'
"""


class Tormentor:
    """Does one thing after the other to a mesh, and waits each time until all parts are back."""

    def __init__(
        self,
        mesh: Mesh,
        session: aiohttp.ClientSession,
        businesses: Sequence[Business],
        stream: Stream,
    ) -> None:
        self._mesh = mesh
        self._session = session
        self._businesses = businesses
        self._stream = stream
        self.sender_killed: list[datetime] = []

    async def kill(self, name: str, how: str = "") -> None:
        """kill -9, and wait for the supervisor to have it back. Raises TimeoutError."""
        keeper = self._mesh.keeper(name)
        assert keeper.process is not None
        restarts, began = keeper.restarts, time.monotonic()
        if name == SENDER:
            self.sender_killed.append(now())
        os.kill(keeper.process.pid, signal.SIGKILL)
        try:
            async with asyncio.timeout(_RECOVERY_SECONDS):
                while keeper.restarts == restarts or self._not_ready():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(
                f"{name} was killed, and {', '.join(self._not_ready())} is not ready"
                f" after {_RECOVERY_SECONDS} s: {keeper.problem}"
            ) from None
        note(f"  kill -9 {name}{how}: back after {time.monotonic() - began:.1f} s")

    async def flush(self) -> None:
        """Empty Valkey, as when a replica takes over with nothing."""
        client = redis.Redis.from_url(self._mesh.infra.redis_url)
        try:
            await client.flushall()
        finally:
            await client.aclose()
        note("  FLUSHALL")

    async def kill_with_unknown_outcomes(self) -> None:
        """Have sends accepted without an answer, then kill who made them."""
        for business in self._businesses:
            url = f"{self._mesh.wiring.sandbox_url}/sandbox/numbers/{business.number}/faults"
            async with self._session.put(url, json={"drop_after_accept_times": DROPPED}) as told:
                told.raise_for_status()
        await asyncio.sleep(2)
        await self.kill(SENDER, f" after {DROPPED} sends of each business without an answer")

    async def kill_during_sends(self) -> None:
        """Kill the sender at a moment when it is known to have sends under way."""
        self._stream.salvo(SALVO)
        connections = [business.channel["id"] for business in self._businesses]
        owner = await asyncpg.connect(self._mesh.infra.owner_url)
        try:
            async with asyncio.timeout(_PATIENCE):
                while await owner.fetchval(_SENDING, connections) < UNDER_WAY:
                    await asyncio.sleep(0)
        except TimeoutError:
            note("  never were several sends under way at once")
        finally:
            await self.kill(SENDER, " in the middle of sends")
            await owner.close()

    def _not_ready(self) -> list[str]:
        return [
            keeper.unit.name for keeper in self._mesh.keepers if keeper.state is not State.READY
        ]


Fault = Callable[[Tormentor], Awaitable[None]]


def kill(name: str) -> Fault:
    """The fault of killing one process."""
    return lambda tormentor: tormentor.kill(name)
