"""What becomes of messages on their way out when their connection is deleted."""

from __future__ import annotations

import asyncio

from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus

from services.kit.ids import new_id
from tests.ingestion.deliveries.world import World, refuses


async def test_a_delivery_that_waits_for_its_next_try_fails_at_once_and_says_why(
    world: World,
) -> None:
    world.provider.behaves = [refuses(130429)]
    command, correlation = world.message(), new_id()
    await world.deliver(command, world.call(correlation))
    assert await world.state(command) == "queued"
    await world.disconnect()
    assert await world.told(command) == ["failed"]
    (delivery,) = await world.listed(correlation)
    assert delivery.status == DeliveryStatus.DELIVERY_STATUS_FAILED
    assert delivery.reason == "CONNECTION_NOT_FOUND"
    assert delivery.HasField("failed_time")
    (row,) = await world.rows()
    assert row["command"] is None
    world.clock.pass_by(400)
    await world.run_timers()
    await world.run_bus()
    assert world.provider.requests == 1
    assert await world.armed() == []
    assert await world.told(command) == ["failed"]


async def test_what_waits_behind_another_of_its_conversation_fails_with_it(world: World) -> None:
    conversation = new_id()
    world.provider.behaves = [refuses(131056)]
    commands = [world.message(str(n), conversation_id=conversation) for n in range(3)]
    for command in commands:
        await world.deliver(command)
    await world.disconnect()
    assert [await world.state(command) for command in commands] == ["failed"] * 3
    assert [await world.told(command) for command in commands] == [["failed"]] * 3
    await world.run_bus()
    assert world.provider.requests == 1


async def test_the_answer_of_a_send_under_way_is_still_recorded(world: World) -> None:
    world.provider.hold = asyncio.Event()
    long = world.message("palavra " * 1500)
    sending = asyncio.create_task(world.deliver(long))
    while not world.provider.requests:
        await asyncio.sleep(0.01)
    await world.disconnect()
    assert await world.state(long) == "sending failed failed"
    world.provider.hold.set()
    await sending
    await world.run_bus()
    assert await world.state(long) == "sent failed failed"
    assert await world.told(long) == ["failed"]
    world.clock.pass_by(400)
    await world.run_timers()
    assert world.provider.requests == 1
    assert await world.armed() == []


async def test_hundreds_that_wait_all_fail(world: World) -> None:
    world.provider.behaves = [refuses(130429)] * 230
    commands = [world.message(str(n)) for n in range(230)]
    for command in commands:
        await world.deliver(command)
    await world.disconnect()
    rows = await world.rows()
    assert {row["state"] for row in rows} == {"failed"}
    assert len(rows) == 230


async def test_a_command_that_comes_after_it_fails_too(world: World) -> None:
    await world.disconnect()
    command, correlation = world.message(), new_id()
    await world.deliver(command, world.call(correlation))
    (delivery,) = await world.listed(correlation)
    assert delivery.reason == "CONNECTION_NOT_FOUND"
    assert await world.told(command) == ["failed"]
    assert world.provider.requests == 0


async def test_deliveries_of_other_connections_go_on(world: World) -> None:
    world.provider.behaves = [refuses(130429)] * 2
    mine = world.message()
    await world.deliver(mine)
    deleted, world.connection_id = world.connection_id, new_id()
    await world.connect()
    others = world.message("outra")
    await world.deliver(others)
    world.connection_id = deleted
    await world.disconnect()
    assert await world.state(mine) == "failed"
    assert await world.state(others) == "queued"
    world.clock.pass_by(400)
    await world.run_timers()
    await world.run_bus()
    assert world.provider.texts == ["outra"]
    assert await world.state(others) == "sent"
