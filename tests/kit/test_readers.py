"""Reads in one round trip: only the tenant's rows, nothing left behind, and every caller served."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kit.db import Database, DatabaseUnavailable, TextNotStorable
from services.kit.errors import NotFound
from services.kit.ids import new_id
from services.kit.readers import as_tenant
from services.kit.testing import partner_call, service_call
from tests.conftest import TestTenant
from tests.kit.conftest import Things

_INSERT = (
    "INSERT INTO things.things (name, number) SELECT 'thing ' || n, n FROM unnest($1::int[]) n"
)
_NUMBERS = "SELECT number FROM things.things ORDER BY number"
_SLEEP = "SELECT pg_sleep(30)"

# The shapes that queries of services have; each counts what its tenant has.
SHAPES = {
    "a table": "SELECT number FROM things.things",
    "an order and a limit": "SELECT number FROM things.things ORDER BY number DESC LIMIT 100",
    "a count": "SELECT n FROM (SELECT count(*) AS n FROM things.things) c, generate_series(1, n)",
    "a CTE": "WITH t AS MATERIALIZED (SELECT number FROM things.things) SELECT * FROM t;",
    "a subquery of its own": "SELECT number FROM things.things"
    " WHERE number <= (SELECT max(number) FROM things.things)",
    "a join": "SELECT a.number FROM things.things a JOIN things.things b USING (id) -- said last",
    "a union": "SELECT number FROM things.things UNION SELECT number FROM things.things",
    "another's absence": "SELECT number FROM things.things t WHERE NOT EXISTS"
    " (SELECT FROM things.things o WHERE o.number > t.number + 1000)",
}


class ThingNotFound(NotFound):
    """There is no such thing."""


@pytest.fixture(scope="module")
async def owners(things: Database) -> list[str]:
    """Six tenants; the one at n has the n + 1 numbers from 10 * n on."""
    tenants = [new_id() for _ in range(6)]
    for who, tenant_id in enumerate(tenants):
        await _fill(things, tenant_id, _of(who))
    return tenants


def _of(who: int) -> list[int]:
    return list(range(10 * who, 11 * who + 1))


async def _fill(database: Database, tenant_id: str, numbers: list[int]) -> None:
    async with service_call(database, tenant_id=tenant_id).transaction() as tx:
        await tx.run(_INSERT, numbers)


async def _backend(database: Database, tenant_id: str) -> int:
    (row,) = await database.read(tenant_id, "SELECT pg_backend_pid() AS pid")
    return int(row["pid"])


def _numbers(rows: list[Any]) -> list[int]:
    return [row["number"] for row in rows]


@given(order=st.lists(st.integers(0, 5), min_size=1, max_size=60))
@settings(
    deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
async def test_tenants_that_read_at_once_see_only_their_own(
    things: Database, owners: list[str], order: list[int]
) -> None:
    found = await asyncio.gather(*(things.read(owners[who], _NUMBERS) for who in order))
    assert [_numbers(rows) for rows in found] == [_of(who) for who in order]


@pytest.mark.parametrize("query", SHAPES.values(), ids=SHAPES)
async def test_a_query_of_any_shape_sees_the_tenants_rows_and_no_others(
    things: Database, owners: list[str], query: str
) -> None:
    for who in (1, 5, 0):
        assert len(await things.read(owners[who], query)) == who + 1
    assert await things.read(new_id(), query) == []


@pytest.mark.parametrize("query", SHAPES.values(), ids=SHAPES)
async def test_the_plan_begins_with_the_tenant(things: Database, query: str) -> None:
    async with things.pool.acquire() as connection:
        said = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {as_tenant(query, 0)}", new_id())
    (explained,) = json.loads(said)
    first = next(
        node for node in explained["Plan"]["Plans"] if node["Parent Relationship"] == "Outer"
    )
    assert explained["Plan"]["Node Type"] == "Nested Loop"
    assert (first["Node Type"], first["CTE Name"]) == ("CTE Scan", "mine")


async def test_no_tenant_stays_on_a_connection(single: Database, owners: list[str]) -> None:
    assert _numbers(await single.read(owners[1], _NUMBERS)) == _of(1)
    connection = await single._readers._take()
    try:
        left = await connection.fetchval("SELECT current_setting('app.tenant_id', true)")
        assert not left
        assert await connection.fetch(_NUMBERS) == []
    finally:
        single._readers._give_back(connection)


async def test_order_limit_and_arguments_are_kept(things: Database, owners: list[str]) -> None:
    query = """SELECT number FROM things.things
                WHERE number < $1 ORDER BY number DESC LIMIT $2"""
    assert _numbers(await things.read(owners[5], query, 54, 3)) == [53, 52, 51]
    assert _numbers(await things.read(owners[5], query, 52, 3)) == [51, 50]


async def test_a_call_reads_one_some_or_a_value(things: Database, owners: list[str]) -> None:
    call = partner_call(things, tenant_id=owners[1], workspace_id=new_id(), readonly=True)
    assert _numbers(await call.all(_NUMBERS)) == _of(1)
    assert (await call.one(f"{_NUMBERS} LIMIT 1"))["number"] == 10
    assert (await call.maybe(f"{_NUMBERS} DESC"))["number"] == 11  # type: ignore[index]
    assert await call.value("SELECT max(number) FROM things.things") == 11
    nothing = "SELECT number FROM things.things WHERE number < 0"
    assert await call.maybe(nothing) is None
    assert await call.value(nothing) is None
    with pytest.raises(ThingNotFound):
        await call.one(nothing, missing=ThingNotFound())
    with pytest.raises(LookupError):
        await call.one(nothing)


@pytest.mark.parametrize(
    "query",
    [
        "INSERT INTO things.things (name) VALUES ('x') RETURNING id",
        "WITH made AS (INSERT INTO things.things (name) VALUES ('x') RETURNING id) TABLE made",
        "SELECT number FROM things.things FOR UPDATE",
        "SELECT lo_create(0)",
    ],
)
async def test_a_read_cannot_write(things: Database, owners: list[str], query: str) -> None:
    with pytest.raises(asyncpg.PostgresError):
        await things.read(owners[0], query)
    assert _numbers(await things.read(owners[0], _NUMBERS)) == [0]


async def test_a_connection_for_reads_is_read_only_itself(
    single: Database, tenant: TestTenant
) -> None:
    connection = await single._readers._take()
    try:
        with pytest.raises(asyncpg.ReadOnlySQLTransactionError):
            await connection.execute("DELETE FROM things.things")
    finally:
        single._readers._give_back(connection)


async def test_a_text_that_cannot_be_stored_is_the_callers_mistake(
    things: Database, owners: list[str]
) -> None:
    query = "SELECT number FROM things.things WHERE name = $1"
    with pytest.raises(TextNotStorable):
        await things.read(owners[0], query, "a\0b")
    assert await things.read(owners[0], query, "nothing") == []


async def test_a_read_that_was_cancelled_leaves_its_connection_to_nobody(
    single: Database, admin: asyncpg.Connection, owners: list[str]
) -> None:
    before = await _backend(single, owners[1])
    reading = asyncio.create_task(single.read(owners[1], _SLEEP))
    await _until_active(admin, before)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    assert _numbers(await single.read(owners[1], _NUMBERS)) == _of(1)
    after = await _backend(single, owners[1])
    assert after != before
    await admin.execute("SELECT pg_terminate_backend($1)", before)


async def test_a_connection_that_was_killed_fails_its_read_and_no_other(
    single: Database, admin: asyncpg.Connection, owners: list[str]
) -> None:
    pid = await _backend(single, owners[1])
    reading = asyncio.create_task(single.read(owners[1], _SLEEP))
    await _until_active(admin, pid)
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    with pytest.raises(DatabaseUnavailable):
        await reading
    assert _numbers(await single.read(owners[1], _NUMBERS)) == _of(1)


async def test_a_connection_that_was_killed_while_idle_fails_one_read_at_the_most(
    single: Database, admin: asyncpg.Connection, owners: list[str]
) -> None:
    pid = await _backend(single, owners[1])
    await admin.execute("SELECT pg_terminate_backend($1, 5000)", pid)
    try:
        await single.read(owners[1], _NUMBERS)
    except DatabaseUnavailable:
        assert _numbers(await single.read(owners[1], _NUMBERS)) == _of(1)


async def test_a_server_that_hangs_is_not_waited_for_for_ever(
    things_at: Things, owners: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.kit.db._STATEMENT_SECONDS", 0.3)
    database = await Database.connect(things_at.url, service="things", size=1)
    pid = await _backend(database, owners[1])
    os.kill(pid, signal.SIGSTOP)
    try:
        async with asyncio.timeout(20):
            with pytest.raises(DatabaseUnavailable):
                await database.read(owners[1], _NUMBERS)
            assert _numbers(await database.read(owners[1], _NUMBERS)) == _of(1)
    finally:
        os.kill(pid, signal.SIGCONT)
        await database.close()


async def _until_active(admin: asyncpg.Connection, pid: int) -> None:
    query = (
        "SELECT state = 'active' AND query LIKE '%pg_sleep%' FROM pg_stat_activity WHERE pid = $1"
    )
    async with asyncio.timeout(10):
        while not await admin.fetchval(query, pid):
            await asyncio.sleep(0.01)


async def test_more_callers_than_connections_wait_and_all_are_served(
    things: Database, owners: list[str]
) -> None:
    found = await asyncio.gather(*(things.read(owners[n % 6], _NUMBERS) for n in range(200)))
    assert [_numbers(rows) for rows in found] == [_of(n % 6) for n in range(200)]
