"""A service of the kit's tests: its own database, schema and role, so that they know no other."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import asyncpg
import pytest
import structlog

from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.log import configure_logs
from services.kit.migrate import KIT, Migrations, migrate

SERVICE = "things"
_DATABASE = "malha_things"
_ROLE = "malha_things"
_PASSWORD = "things"

_TABLES = (
    "SELECT install_service('things')",
    """CREATE TABLE things.things (
         tenant_id uuid NOT NULL DEFAULT current_tenant(),
         id uuid NOT NULL DEFAULT gen_random_uuid(),
         name text NOT NULL,
         number int NOT NULL DEFAULT 0 CHECK (number >= 0),
         PRIMARY KEY (tenant_id, id))""",
    "CREATE INDEX ON things.things (tenant_id, number)",
    "SELECT isolate_by_tenant('things.things')",
)


@dataclass(frozen=True)
class Things:
    """Where the tests' own database is: as superuser, as its owner, and as the service's role."""

    admin_url: str
    owner_url: str
    url: str


@pytest.fixture(scope="session")
async def things_at(infra: Infra) -> AsyncIterator[Things]:
    """A database with the kit's migrations and one table of a service called things."""
    owner_url = infra.postgres.url("malha_owner", _DATABASE)
    admin = await asyncpg.connect(infra.postgres.url("postgres"))
    try:
        await admin.execute(f"CREATE DATABASE {_DATABASE} OWNER malha_owner")
        await migrate(owner_url, [Migrations("public", KIT)], {_ROLE: _PASSWORD})
        owner = await asyncpg.connect(owner_url)
        for statement in _TABLES:
            await owner.execute(statement)
        await owner.close()
        runtime = infra.paths.postgres_runtime
        yield Things(
            infra.postgres.url("postgres", _DATABASE),
            owner_url,
            f"postgresql://{_ROLE}:{_PASSWORD}@/{_DATABASE}?host={runtime}",
        )
    finally:
        await admin.execute(f"DROP DATABASE IF EXISTS {_DATABASE} WITH (FORCE)")
        await admin.execute(f"DROP ROLE IF EXISTS {_ROLE}")
        await admin.close()


@pytest.fixture(scope="session")
async def admin(things_at: Things) -> AsyncIterator[asyncpg.Connection]:
    """The things as a superuser sees them: of every tenant, and what every connection does."""
    connection = await asyncpg.connect(things_at.admin_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="session")
async def things(things_at: Things) -> AsyncIterator[Database]:
    """The things as their service sees them, over eight connections."""
    database = await Database.connect(things_at.url, service=SERVICE, size=8)
    yield database
    await database.close()


@pytest.fixture(scope="session")
async def things_elsewhere(things_at: Things) -> AsyncIterator[Database]:
    """The same things, as another process of the service sees them."""
    database = await Database.connect(things_at.url, service=SERVICE, size=8)
    yield database
    await database.close()


@pytest.fixture
async def single(things_at: Things) -> AsyncIterator[Database]:
    """The same things over a single connection for writes and one for reads."""
    database = await Database.connect(things_at.url, service=SERVICE, size=1)
    yield database
    await database.close()


@pytest.fixture
def logging_as_a_process() -> Iterator[None]:
    """Logs as a service's process writes them, for loggers made from here on."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    configure_logs("crm", "INFO")
    yield
    structlog.reset_defaults()
    root.handlers[:] = handlers
    root.setLevel(level)
