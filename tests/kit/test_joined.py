"""One transaction for all that a request with a key writes, and its answer with it."""

from __future__ import annotations

import asyncpg
import pytest
from malha.crm.v1.events_pb2 import TenantCreated
from malha.crm.v1.tenant_pb2 import Tenant

from services.kit.call import Call
from services.kit.db import Database, TransactionLost
from services.kit.joined import Joined
from tests.conftest import TestTenant
from tests.kit.test_idempotency import COUNT, INSERT, KEPT, Caller, ThingExists, things_of


@pytest.fixture
def caller(things: Database, tenant: TestTenant) -> Caller:
    return Caller(things, tenant.id)


async def test_all_that_a_request_writes_commits_with_its_answer(
    caller: Caller, admin: asyncpg.Connection
) -> None:
    hints: list[str] = []

    async def twice(call: Call) -> Tenant:
        async with call.transaction() as tx:
            id = await tx.value(INSERT, "chair")
            event = TenantCreated()
            event.tenant.id = call.tenant_id
            tx.emit(event)
            tx.after_commit(lambda: hints.append("committed"))
        assert await things_of(caller) == 0
        async with call.transaction() as tx:
            assert await tx.value(COUNT) == 1
            await tx.run(INSERT, "table")
        assert await things_of(caller) == 0
        assert hints == []
        return Tenant(id=id)

    caller.database.outbox.take()
    await caller.send("k", make=twice)
    assert await things_of(caller) == 2
    assert hints == ["committed"]
    assert caller.database.outbox.ready.is_set()
    subject = f"evt.crm.{caller.tenant_id}.tenant_created"
    count = "SELECT count(*) FROM things.outbox WHERE subject = $1"
    assert await admin.fetchval(count, subject) == 1
    await caller.send("k", make=twice)
    assert await admin.fetchval(count, subject) == 1


async def test_a_crash_between_what_is_written_and_the_answer_keeps_neither(
    caller: Caller, admin: asyncpg.Connection
) -> None:
    async def crash(call: Call) -> Tenant:
        for name in ("chair", "table"):
            async with call.transaction() as tx:
                await tx.run(INSERT, name)
        raise RuntimeError("the power is gone")

    with pytest.raises(RuntimeError):
        await caller.send("k", make=crash)
    assert await things_of(caller) == 0
    assert await admin.fetchval(KEPT, caller.tenant_id) == 0


async def test_a_call_sees_what_it_has_written(caller: Caller) -> None:
    async def create(call: Call) -> Tenant:
        assert await call.value(COUNT) == 0
        async with call.transaction() as tx:
            await tx.run(INSERT, "chair")
        assert await call.value(COUNT) == 1
        assert (await call.one(COUNT))["count"] == 1
        return Tenant()

    await caller.send("k", make=create)


async def test_a_block_that_failed_keeps_nothing_when_its_function_goes_on(
    caller: Caller,
) -> None:
    async def second_try(call: Call) -> Tenant:
        with pytest.raises(ThingExists):
            async with call.transaction() as tx:
                await tx.run(INSERT, "chair")
                raise ThingExists
        with pytest.raises(asyncpg.UniqueViolationError):
            async with call.transaction() as tx:
                id = await tx.value(INSERT, "stool")
                await tx.run("INSERT INTO things.things (id, name) VALUES ($1, 'x')", id)
        async with call.transaction() as tx:
            return Tenant(id=await tx.value(INSERT, "table"))

    await caller.send("k", make=second_try)
    (row,) = await caller.database.read(caller.tenant_id, "SELECT name FROM things.things")
    assert row["name"] == "table"


async def test_a_part_is_never_kept_without_the_one_that_failed(caller: Caller) -> None:
    async def go_on(call: Call) -> Tenant:
        async with call.transaction() as tx:
            await tx.run(INSERT, "chair")
        with pytest.raises(ThingExists):
            async with call.transaction() as tx:
                await tx.run(INSERT, "table")
                raise ThingExists
        return Tenant()

    with pytest.raises(TransactionLost):
        await caller.send("k", make=go_on)
    assert await things_of(caller) == 0


async def test_what_is_joined_by_itself_commits_at_its_end_or_not_at_all(caller: Caller) -> None:
    stamp = caller.call().stamp(caller.tenant_id)
    async with Joined(caller.database, stamp) as joined:
        assert not joined.is_open
        for name in ("chair", "table"):
            async with joined.transaction() as tx:
                await tx.run(INSERT, name)
        assert joined.is_open
    assert await things_of(caller) == 2
    with pytest.raises(TransactionLost):
        async with Joined(caller.database, stamp) as joined:
            async with joined.transaction() as tx:
                await tx.run(INSERT, "stool")
            with pytest.raises(ThingExists):
                async with joined.transaction():
                    raise ThingExists
    with pytest.raises(ThingExists):
        async with Joined(caller.database, stamp) as joined:
            async with joined.transaction() as tx:
                await tx.run(INSERT, "stool")
            raise ThingExists
    assert await things_of(caller) == 2
