from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import aiohttp
import pytest
import redis.asyncio as redis
from aiohttp import web
from aiohttp.test_utils import TestServer

from services.kit.cache import Cache
from services.kit.db import Database
from tests.ingestion.deliveries.world import World


@pytest.fixture
async def world(
    databases: Callable[[str], Awaitable[Database]], valkey: redis.Redis
) -> AsyncIterator[World]:
    """A tenant with a connected number, and a provider that does as told."""
    app = web.Application()
    server = TestServer(app)
    made: list[World] = []

    async def serve(request: web.Request) -> web.Response:
        return await made[0].provider.serve(request)

    app.router.add_post("/{number}/messages", serve)
    await server.start_server()
    async with aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        made.append(World(await databases("ingestion"), Cache(valkey), session, url))
        await made[0].connect()
        yield made[0]
    await server.close()
