"""Fixtures on real PostgreSQL, Valkey and NATS, started by the same code as `make dev`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis.asyncio as redis

from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.testing import open_database

pytest.register_assert_rewrite(
    "tests.contracts.embedder", "tests.contracts.llm", "tests.contracts.remote_llm"
)


@dataclass(frozen=True)
class TestTenant:
    """A tenant nobody else uses."""

    __test__ = False

    id: str
    workspace_id: str


@pytest.fixture(scope="session")
async def infra() -> AsyncIterator[Infra]:
    """The stores, migrated and with their streams; one set for the whole run."""
    directory = Path(tempfile.mkdtemp(prefix="malha-test-"))
    try:
        async with Infra(directory, durable=False) as infra:
            yield infra
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture(scope="session")
async def databases(infra: Infra) -> AsyncIterator[Callable[[str], Awaitable[Database]]]:
    """`await databases("crm")`: the database as that service's own role sees it."""
    opened: dict[str, Database] = {}
    async with AsyncExitStack() as stack:

        async def database(service: str) -> Database:
            if service not in opened:
                opened[service] = await stack.enter_async_context(
                    open_database(infra.environment(service))
                )
            return opened[service]

        yield database


@pytest.fixture(scope="session")
async def valkey(infra: Infra) -> AsyncIterator[redis.Redis]:
    """The Valkey that services use."""
    client = redis.Redis.from_url(infra.redis_url)
    yield client
    await client.aclose()


@pytest.fixture
def tenant() -> TestTenant:
    """A tenant nobody else uses."""
    return TestTenant(new_id(), new_id())
