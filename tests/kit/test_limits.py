"""What a plan permits, kept by a lock: as many as it says, however many come at once."""

from __future__ import annotations

import asyncio

import pytest
from malha.crm.v1.plan_pb2 import PlanLimits

from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.limits import UNLIMITED, Limits, PlanLimitReached, keep_within
from services.kit.testing import partner_call
from tests.conftest import TestTenant

_INSERT = "INSERT INTO things.things (name, number) VALUES ('x', $1)"
_COUNT = "SELECT count(*) FROM things.things WHERE number = $1"
_BYTES = "SELECT sum(number) FROM things.things"


async def _add(
    database: Database, tenant_id: str, limit: int, *, number: int = 0, count: int = 1
) -> bool:
    call = partner_call(database, tenant_id=tenant_id, workspace_id=new_id())
    try:
        async with call.transaction() as tx:
            await keep_within(tx, f"things {number}", limit, _COUNT, number, more=count)
            for _ in range(count):
                await tx.run(_INSERT, number)
    except PlanLimitReached:
        return False
    return True


async def _held(database: Database, tenant_id: str, number: int = 0) -> int:
    rows = await database.read(tenant_id, _COUNT, number)
    return int(rows[0]["count"])


async def test_of_twenty_at_once_five_fit_a_limit_of_five(
    things: Database, things_elsewhere: Database, tenant: TestTenant
) -> None:
    added = await asyncio.gather(
        *(_add([things, things_elsewhere][n % 2], tenant.id, 5) for n in range(20))
    )
    assert added.count(True) == 5
    assert await _held(things, tenant.id) == 5


async def test_what_was_refused_or_rolled_back_takes_no_place(
    things: Database, tenant: TestTenant
) -> None:
    call = partner_call(things, tenant_id=tenant.id, workspace_id=tenant.workspace_id)
    with pytest.raises(ZeroDivisionError):
        async with call.transaction() as tx:
            await keep_within(tx, "things 0", 1, _COUNT, 0)
            await tx.run(_INSERT, 0)
            raise ZeroDivisionError
    assert await _add(things, tenant.id, 1)
    assert not await _add(things, tenant.id, 1)
    assert await _add(things, tenant.id, 2)


async def test_several_fit_together_or_not_at_all(things: Database, tenant: TestTenant) -> None:
    assert await _add(things, tenant.id, 5, count=3)
    assert not await _add(things, tenant.id, 5, count=3)
    assert await _add(things, tenant.id, 5, count=2)
    assert await _held(things, tenant.id) == 5


async def test_no_limit_is_none_and_limits_of_other_things_or_tenants_are_theirs(
    things: Database, tenant: TestTenant
) -> None:
    for _ in range(3):
        assert await _add(things, tenant.id, 0)
    assert not await _add(things, tenant.id, 3)
    assert await _add(things, tenant.id, 3, number=1)
    assert await _add(things, new_id(), 3)


async def test_a_refusal_says_what_how_many_and_how_many_are_used(
    things: Database, tenant: TestTenant
) -> None:
    call = partner_call(things, tenant_id=tenant.id, workspace_id=tenant.workspace_id)
    async with call.transaction() as tx:
        await keep_within(tx, "knowledge_bytes", 10, _BYTES, more=10)  # Of nothing: NULL.
        await tx.run(_INSERT, 7)
        with pytest.raises(PlanLimitReached) as refused:
            await keep_within(tx, "knowledge_bytes", 10, _BYTES, more=4)
    assert refused.value.metadata == {"what": "knowledge_bytes", "limit": "10", "used": "7"}


def test_limits_are_those_of_the_contract() -> None:
    names = {field.name for field in PlanLimits.DESCRIPTOR.fields}
    every = PlanLimits(**{name: n for n, name in enumerate(sorted(names), 1)})
    limits = Limits.of(every)
    assert {name: getattr(limits, name) for name in names} == {
        name: getattr(every, name) for name in names
    }
    assert Limits.of(PlanLimits()) == UNLIMITED
