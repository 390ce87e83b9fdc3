"""A plan's number of connections, however many are made at once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from malha.ingestion.v1.connection_pb2 import Connection

from services.kit.limits import UNLIMITED, PlanLimitReached
from tests.ingestion.connections.office import Office


async def test_twenty_at_once_do_not_exceed_the_plan(office: Office) -> None:
    office.limits = replace(UNLIMITED, connections=7)
    neighbour = office.other()  # The limit is the tenant's, not the workspace's.
    neighbour.tenant_id, neighbour.limits = office.tenant_id, office.limits
    outcomes = await asyncio.gather(
        *(who.connect() for who in (office, neighbour) for _ in range(10)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Connection) for outcome in outcomes) == 7
    assert sum(isinstance(outcome, PlanLimitReached) for outcome in outcomes) == 13
    kept = len((await office.page()).connections) + len((await neighbour.page()).connections)
    assert kept == 7


async def test_another_tenant_has_its_own_limit_and_a_refusal_takes_no_account(
    office: Office,
) -> None:
    office.limits = replace(UNLIMITED, connections=1)
    await office.connect()
    with pytest.raises(PlanLimitReached) as refused:
        await office.connect(number="900000000000041")
    assert refused.value.metadata == {"what": "connections", "limit": "1", "used": "1"}
    other = office.other()
    other.limits = office.limits
    assert (await other.connect(number="900000000000041")).external_id == "900000000000041"


async def test_a_deleted_connection_makes_room_for_another(office: Office) -> None:
    office.limits = replace(UNLIMITED, connections=1)
    made = await office.connect()
    await office.disconnect(made.id)
    await office.connect()
    with pytest.raises(PlanLimitReached):
        await office.connect()
