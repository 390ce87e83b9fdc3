"""Batches that the bus forgot, or that the process judges without it."""

import asyncio
from typing import cast

from malha.ingestion.v1.commands_pb2 import ProcessWebhooks

from services.ingestion.webhooks.events import judge_backlog, resume_webhooks
from services.kit.peers import Peers
from tests.conftest import TestTenant
from tests.ingestion.webhooks.world import World


async def test_a_lost_command_is_made_up_for_by_the_timer(world: World, tenant: TestTenant) -> None:
    number = await world.connect(tenant.id)
    await world.receive(number.webhook(number.text("a")))
    (row,) = await world.ledger(tenant.id)
    for _ in range(2):
        await resume_webhooks(
            world.call(tenant.id),
            row["batch_id"],
            connections=world.connections,
            tenants=world.tenants,
            limiter=world.limiter,
            pressure=world.pressure,
            clock=world.clock,
        )
    assert await world.verdicts(tenant.id) == [("accepted", "")]
    assert len(await world.messages(tenant.id)) == 1
    assert await world.timers(tenant.id) == 0


async def test_under_pressure_the_process_judges_what_it_took_in_without_the_bus(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    working = asyncio.create_task(
        judge_backlog(
            database=world.database,
            peers=cast(Peers, world.peers(tenant.id)),
            backlog=world.backlog,
            connections=world.connections,
            tenants=world.tenants,
            limiter=world.limiter,
            pressure=world.pressure,
            clock=world.clock,
        )
    )
    await asyncio.sleep(0)
    world.pressure.arrived(10_000)
    await world.receive(number.webhook(number.text("a")))
    assert await world.sent(tenant.id, ProcessWebhooks) == []
    async with asyncio.timeout(10):
        while await world.timers(tenant.id):
            await asyncio.sleep(0.01)
    working.cancel()
    assert await world.verdicts(tenant.id) == [("accepted", "")]


async def test_under_pressure_a_timer_waits_and_comes_back(
    world: World, tenant: TestTenant
) -> None:
    number = await world.connect(tenant.id)
    await world.receive(number.webhook(number.text("a")))
    (row,) = await world.ledger(tenant.id)
    world.pressure.arrived(10_000)
    await resume_webhooks(
        world.call(tenant.id),
        row["batch_id"],
        connections=world.connections,
        tenants=world.tenants,
        limiter=world.limiter,
        pressure=world.pressure,
        clock=world.clock,
    )
    assert await world.verdicts(tenant.id) == [("queued", "")]
    assert await world.timers(tenant.id) == 1
