"""Calls on the knowledge service's own database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message

from services.kit.call import Call
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.outbox import subject
from services.kit.testing import service_call
from services.knowledge.stores import PgvectorStore, VectorStore

Emitted = Callable[[Call, type[Message]], Awaitable[list[Message]]]


@pytest.fixture(scope="session")
async def database(databases: Callable[[str], Awaitable[Database]]) -> Database:
    return await databases("knowledge")


@pytest.fixture
def store() -> VectorStore:
    return PgvectorStore()


@pytest.fixture
def call(database: Database) -> Call:
    """A service's call for a tenant nobody else uses."""
    return service_call(database, tenant_id=new_id())


@pytest.fixture
def other_call(database: Database) -> Call:
    """The same for another tenant."""
    return service_call(database, tenant_id=new_id())


@pytest.fixture
def emitted(database: Database) -> Emitted:
    """`await emitted(call, DocumentIndexed)`: what the call's tenant has in the outbox."""

    async def read(call: Call, kind: type[Message]) -> list[Message]:
        rows = await database.pool.fetch(
            "SELECT payload FROM knowledge.outbox WHERE subject = $1 ORDER BY id",
            subject(kind.DESCRIPTOR, call.tenant_id, "-"),
        )
        return [kind.FromString(row["payload"]) for row in rows]

    return read
