from collections.abc import Awaitable, Callable

import pytest
import redis.asyncio as redis

from services.kit.db import Database
from tests.ingestion.webhooks.world import World


@pytest.fixture
async def world(databases: Callable[[str], Awaitable[Database]], valkey: redis.Redis) -> World:
    return World(await databases("ingestion"), valkey)
