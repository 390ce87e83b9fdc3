"""What becomes of messages on their way out when their tenant is not served any more."""

from __future__ import annotations

import pytest
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
    TenantStatus,
)
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus
from malha.processing.v1.turn_service_pb2 import ClaimReplyResponse

from services.kit.errors import Unavailable
from services.kit.ids import new_id
from tests.ingestion.deliveries.world import World, refuses


@pytest.mark.parametrize("status", [TENANT_STATUS_SUSPENDED, TENANT_STATUS_DELETED])
async def test_what_was_accepted_before_is_not_sent_and_says_why(
    world: World, status: TenantStatus
) -> None:
    command, correlation = world.message(), new_id()
    await world.serve(status)
    await world.deliver(command, world.call(correlation))
    await world.deliver(command)
    assert world.provider.requests == 0
    (delivery,) = await world.listed(correlation)
    assert delivery.status == DeliveryStatus.DELIVERY_STATUS_FAILED
    assert delivery.reason == "TENANT_SUSPENDED"
    assert await world.told(command) == ["failed", "failed"]
    assert await world.armed() == []


async def test_what_waits_for_its_next_try_or_behind_another_is_not_sent(world: World) -> None:
    conversation = new_id()
    world.provider.behaves = [refuses(131056)]
    commands = [world.message(str(n), conversation_id=conversation) for n in range(3)]
    for command in commands:
        await world.deliver(command)
    await world.serve(TENANT_STATUS_SUSPENDED)
    for _ in range(3):
        world.clock.pass_by(400)
        await world.run_timers()
        await world.run_bus()
    assert world.provider.requests == 1
    assert [await world.state(command) for command in commands] == ["failed"] * 3
    assert [set(await world.told(command)) for command in commands] == [{"failed"}] * 3
    assert await world.armed() == []


async def test_the_parts_that_follow_are_not_sent(world: World) -> None:
    command = world.message("palavra " * 1500)
    await world.deliver(command)
    await world.serve(TENANT_STATUS_SUSPENDED)
    await world.run_bus()
    assert await world.state(command) == "sent failed failed"
    assert await world.told(command) == ["failed"]


async def test_a_tenant_that_is_served_again_sends_again(world: World) -> None:
    before, after = world.message("um"), world.message("dois")
    await world.serve(TENANT_STATUS_SUSPENDED)
    await world.deliver(before)
    await world.serve(TENANT_STATUS_ACTIVE)
    await world.deliver(before)
    await world.deliver(after)
    assert world.provider.texts == ["dois"]


async def test_an_answer_is_held_back_by_its_fence_and_not_failed(world: World) -> None:
    world.fence = ClaimReplyResponse(granted=False, reason="TENANT_SUSPENDED")
    command = world.message(turn_id=new_id())
    await world.serve(TENANT_STATUS_SUSPENDED)
    await world.deliver(command)
    (row,) = await world.rows()
    assert (row["state"], row["reason"]) == ("cancelled", "TENANT_SUSPENDED")


async def test_an_answer_that_its_fence_lets_go_is_not_sent_either(world: World) -> None:
    """Somebody hears of it a moment before somebody else."""
    command = world.message(turn_id=new_id())
    await world.serve(TENANT_STATUS_SUSPENDED)
    await world.deliver(command)
    assert world.provider.requests == 0
    assert await world.state(command) == "failed"


async def test_a_message_of_a_tenant_that_nobody_knows_waits_for_crm(world: World) -> None:
    async def away(_: object) -> None:
        raise Unavailable

    command = world.message()
    known = world.peers.answers["TenantService.GetTenant"]
    world.peers.answers["TenantService.GetTenant"] = away
    with pytest.raises(Unavailable):
        await world.deliver(command)
    assert world.provider.requests == 0
    world.peers.answers["TenantService.GetTenant"] = known
    await world.deliver(command)
    assert await world.state(command) == "sent"
