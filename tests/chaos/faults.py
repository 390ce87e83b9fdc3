"""What is done to the mesh."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Awaitable, Callable
from datetime import datetime

import redis.asyncio as redis

from services.kit.devstack.keeper import State
from services.kit.devstack.mesh import Mesh
from tests.bench.figure import note
from tests.chaos.records import now

SENDER = "ingestion"
"""Who sends answers; its death leaves sends behind that nobody knows the outcome of."""
PROCESSES = (
    *("ingestion", "processing", "assistants", "knowledge", "crm", "edge", "envoy"),
    *("nats", "valkey", "postgres"),
)
_RECOVERY_SECONDS = 90


class Tormentor:
    """Kills one part after the other and waits each time until all are back."""

    def __init__(self, mesh: Mesh) -> None:
        self._mesh = mesh
        self.sender_killed: list[datetime] = []

    async def kill(self, name: str) -> None:
        """kill -9, and wait for the supervisor to have it back. Raises TimeoutError."""
        keeper = self._mesh.keeper(name)
        assert keeper.process is not None
        restarts, began = keeper.restarts, time.monotonic()
        if name == SENDER:
            self.sender_killed.append(now())
        os.kill(keeper.process.pid, signal.SIGKILL)
        try:
            async with asyncio.timeout(_RECOVERY_SECONDS):
                while keeper.restarts == restarts or not self._all_ready():
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise TimeoutError(
                f"{name} was killed, and {self._not_ready()} is not ready"
                f" after {_RECOVERY_SECONDS} s: {keeper.problem}"
            ) from None
        note(f"  kill -9 {name}: back after {time.monotonic() - began:.1f} s")

    async def flush(self) -> None:
        """Empty Valkey, as a replica does that takes over with nothing."""
        client = redis.Redis.from_url(self._mesh.infra.redis_url)
        try:
            await client.flushall()
        finally:
            await client.aclose()
        note("  FLUSHALL")

    def _all_ready(self) -> bool:
        return all(keeper.state is State.READY for keeper in self._mesh.keepers)

    def _not_ready(self) -> str:
        return ", ".join(
            keeper.unit.name for keeper in self._mesh.keepers if keeper.state is not State.READY
        )


Fault = Callable[[Tormentor], Awaitable[None]]


def kill(name: str) -> Fault:
    """The fault of killing one process."""
    return lambda tormentor: tormentor.kill(name)


async def flush(tormentor: Tormentor) -> None:
    """The fault of an empty Valkey."""
    await tormentor.flush()
