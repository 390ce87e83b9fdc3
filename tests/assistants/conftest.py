"""Calls on the assistants service's own database."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from google.protobuf.message import Message

from services.kit.call import Call
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.outbox import subject
from services.kit.testing import partner_call

Emitted = Callable[[Call, type[Message]], Awaitable[list[Message]]]
Partner = Callable[..., Call]


@pytest.fixture(scope="session")
async def database(databases: Callable[[str], Awaitable[Database]]) -> Database:
    return await databases("assistants")


@pytest.fixture
def partner(database: Database) -> Partner:
    """`partner(tenant_id, workspace_id)`: a partner's call, of a new tenant unless told."""

    def make(tenant_id: str = "", workspace_id: str = "") -> Call:
        return partner_call(
            database, tenant_id=tenant_id or new_id(), workspace_id=workspace_id or new_id()
        )

    return make


@pytest.fixture
def call(partner: Partner) -> Call:
    """A partner of a tenant nobody else uses."""
    return partner()


@pytest.fixture
def emitted(database: Database) -> Emitted:
    """`await emitted(call, AssistantUpdated)`: what the call's tenant has in the outbox."""

    async def read(call: Call, kind: type[Message]) -> list[Message]:
        rows = await database.pool.fetch(
            "SELECT payload FROM assistants.outbox WHERE subject = $1 ORDER BY id",
            subject(kind.DESCRIPTOR, call.tenant_id),
        )
        return [kind.FromString(row["payload"]) for row in rows]

    return read
