"""One conversation service on real stores; the others and the bus are played by the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import redis.asyncio as redis

from services.kit.cache import Cache
from services.kit.db import Database
from services.kit.ratelimit import RateLimiter
from services.processing.timers import BufferTimers
from tests.conftest import TestTenant
from tests.processing.stage import Stage


@pytest.fixture
async def stage(
    databases: Callable[[str], Awaitable[Database]], valkey: redis.Redis, tenant: TestTenant
) -> AsyncIterator[Stage]:
    """The service's functions for a tenant nobody else uses, on a clock that stands still."""
    stage = Stage(
        await databases("processing"),
        Cache(valkey),
        BufferTimers(valkey),
        RateLimiter(valkey),
        tenant.id,
        tenant.workspace_id,
    )
    yield stage
    await stage.forget()
