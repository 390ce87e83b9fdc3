"""Transactions on a real PostgreSQL: tenants apart, outbox and timers with the commit or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from malha.crm.v1.events_pb2 import TenantCreated
from malha.crm.v1.tenant_service_pb2 import GetTenantRequest

from services.kit.call import Call, NotATenantsCall
from services.kit.db import Database, DatabaseUnavailable, TextNotStorable, TransactionLost
from services.kit.errors import InvalidRequest, NotFound
from services.kit.outbox import NotOnTheBus
from services.kit.testing import partner_call, service_call
from tests.conftest import TestTenant

_INSERT = "INSERT INTO things.things (name) VALUES ($1)"
_NAMES = "SELECT name FROM things.things"


@pytest.fixture
async def database(things: Database) -> AsyncIterator[Database]:
    await things.pool.execute("DELETE FROM things.outbox")
    yield things
    await things.pool.execute("DELETE FROM things.outbox")
    await things.pool.execute("DELETE FROM things.timers")


@pytest.fixture
def call(database: Database, tenant: TestTenant) -> Call:
    return service_call(database, tenant_id=tenant.id, workspace_id=tenant.workspace_id)


def _created(tenant_id: str) -> TenantCreated:
    event = TenantCreated()
    event.tenant.id = tenant_id
    return event


async def test_a_tenant_sees_only_its_own(database: Database, call: Call) -> None:
    async with call.transaction() as tx:
        await tx.run(_INSERT, "Aurora")
        assert await tx.value(_NAMES) == "Aurora"
    other = service_call(database, tenant_id="00000000-0000-7000-8000-00000000beef")
    async with other.transaction() as tx:
        assert await tx.all(_NAMES) == []
    async with service_call(database).transaction() as tx:
        assert await tx.all(_NAMES) == []


async def test_a_transaction_may_go_on_as_another_tenant(database: Database, call: Call) -> None:
    async with call.transaction() as tx:
        await tx.run(_INSERT, "Aurora")
        await tx.switch("00000000-0000-7000-8000-00000000beef")
        assert await tx.all(_NAMES) == []
        await tx.switch(call.tenant_id)
        assert await tx.value(_NAMES) == "Aurora"


async def test_a_partner_cannot_name_another_tenant(database: Database, tenant: TestTenant) -> None:
    call = partner_call(database, tenant_id=tenant.id, workspace_id=tenant.workspace_id)
    with pytest.raises(NotATenantsCall):
        call.transaction(tenant_id="00000000-0000-7000-8000-00000000beef")


async def test_a_query_cannot_write(database: Database, tenant: TestTenant) -> None:
    call = service_call(database, tenant_id=tenant.id, readonly=True)
    with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
        async with call.transaction() as tx:
            await tx.run(_INSERT, "Aurora")


async def test_what_is_emitted_commits_with_the_rest_or_not_at_all(
    database: Database, call: Call
) -> None:
    with pytest.raises(NotFound):
        async with call.transaction() as tx:
            tx.emit(_created(call.tenant_id))
            raise NotFound
    assert await database.pool.fetchval("SELECT count(*) FROM things.outbox") == 0
    async with call.transaction() as tx:
        tx.emit(_created(call.tenant_id))
    subject = await database.pool.fetchval("SELECT subject FROM things.outbox")
    assert subject == f"evt.crm.{call.tenant_id}.tenant_created"


async def test_only_what_is_declared_for_the_bus_and_valid_leaves(call: Call) -> None:
    with pytest.raises(NotOnTheBus):
        async with call.transaction() as tx:
            tx.emit(GetTenantRequest())
    with pytest.raises(NotOnTheBus):
        async with call.transaction() as tx:
            tx.send(_created(call.tenant_id))
    with pytest.raises(InvalidRequest):
        async with call.transaction() as tx:
            tx.emit(TenantCreated())


async def test_arming_twice_moves_a_timer_and_disarming_forgets_it(
    database: Database, call: Call, tenant: TestTenant
) -> None:
    soon, later = (datetime.now(UTC) + timedelta(seconds=s) for s in (60, 120))
    async with call.transaction() as tx:
        tx.arm("probe", tenant.id, soon)
        tx.arm("probe", tenant.id, later)
    query = "SELECT due_time FROM things.timers WHERE kind = 'probe'"
    assert await database.pool.fetchval(query) == later
    async with call.transaction() as tx:
        tx.disarm("probe", tenant.id)
    assert await database.pool.fetchval(query) is None


async def test_a_cancelled_call_gives_its_connection_back_clean(call: Call) -> None:
    started = asyncio.Event()

    async def hang() -> None:
        async with call.transaction() as tx:
            await tx.run(_INSERT, "Aurora")
            started.set()
            await tx.value("SELECT pg_sleep(30)")

    task = asyncio.create_task(hang())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(10):  # Every connection of the pool, so also that one.
        async with call.transaction() as tx:
            assert await tx.all(_NAMES) == []


async def test_a_text_that_cannot_be_stored_is_the_callers_mistake(call: Call) -> None:
    with pytest.raises(TextNotStorable):
        async with call.transaction() as tx:
            await tx.run(_INSERT, "Auro\x00ra")


async def test_hints_run_after_the_commit_only(call: Call) -> None:
    ran: list[str] = []
    async with call.transaction() as tx:
        tx.after_commit(lambda: ran.append("hint"))
        assert ran == []
    assert ran == ["hint"]


async def test_a_hint_that_fails_undoes_nothing(call: Call) -> None:
    def fail() -> None:
        raise ConnectionError

    ran: list[str] = []
    async with call.transaction() as tx:
        await tx.run(_INSERT, "Aurora")
        tx.after_commit(fail)
        tx.after_commit(lambda: ran.append("the next one"))
    assert ran == ["the next one"]
    async with call.transaction() as tx:
        assert await tx.value(_NAMES) == "Aurora"


async def test_a_failure_caught_inside_is_no_success(call: Call) -> None:
    """PostgreSQL has undone the transaction by then; its COMMIT would go through quietly."""
    with pytest.raises(TransactionLost):
        async with call.transaction() as tx:
            await tx.run(_INSERT, "Aurora")
            with pytest.raises(asyncpg.DivisionByZeroError):
                await tx.value("SELECT 1 / 0")


async def test_a_bug_is_not_taken_for_a_database_that_is_away(call: Call) -> None:
    with pytest.raises(asyncpg.InterfaceError):
        async with call.transaction() as tx:
            await tx.value("SELECT $1::int")


async def test_a_query_that_takes_too_long_is_tried_again(call: Call) -> None:
    with pytest.raises(DatabaseUnavailable):
        async with call.transaction() as tx:
            await tx.run("SET LOCAL statement_timeout = 20")
            await tx.value("SELECT pg_sleep(5)")


async def test_an_error_does_not_quote_the_row(call: Call) -> None:
    with pytest.raises(asyncpg.CheckViolationError) as refused:
        async with call.transaction() as tx:
            await tx.run(
                "INSERT INTO things.things (name, number) VALUES ('what a customer wrote', -1)"
            )
    assert "what a customer wrote" not in str(refused.value)
