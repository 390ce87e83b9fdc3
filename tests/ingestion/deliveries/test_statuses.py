"""Status callbacks move deliveries forward, in whatever order and however often they come."""

from __future__ import annotations

import asyncio
import random
from itertools import permutations

import pytest
from malha.ingestion.v1.events_pb2 import DeliveriesUpdated

from services.ingestion.channels.base import Progress
from services.ingestion.deliveries import statuses
from services.kit.ids import new_id
from tests.ingestion.deliveries.world import World


async def test_statuses_move_a_delivery_forward_with_one_time_each(world: World) -> None:
    command, correlation = world.message(), new_id()
    await world.deliver(command, world.call(correlation))
    id = world.provider.id_of(1)
    for seconds, progress in enumerate((Progress.SENT, Progress.DELIVERED, Progress.READ), 1):
        update = world.update(id, progress, opaque=command.message.id, seconds=seconds)
        assert await world.report(update) == [correlation]
        assert await world.report(update) == [correlation]
    assert await world.told(command) == ["sent", "delivered", "read"]
    (delivery,) = await world.listed(correlation)
    assert delivery.delivered_time.seconds - delivery.read_time.seconds == -1


@pytest.mark.parametrize("order", list(permutations(range(4))), ids=str)
@pytest.mark.parametrize("opaque", [True, False], ids=["named", "unnamed"])
async def test_every_order_ends_the_same(
    world: World, order: tuple[int, ...], opaque: bool
) -> None:
    command = world.message()
    await world.deliver(command)
    steps = (Progress.SENT, Progress.FAILED, Progress.DELIVERED, Progress.READ)
    known = command.message.id if opaque else ""
    for step in order:
        await world.report(
            world.update(world.provider.id_of(1), steps[step], opaque=known, seconds=step)
        )
    (row,) = await world.rows()
    assert (row["state"], row["reason"]) == ("read", "")
    base = row["read_time"].replace(microsecond=0)
    assert (base - row["delivered_time"]).seconds == 1
    assert (base - row["failed_time"]).seconds == 2
    told = await world.told(command)
    ranks = ["sent", "failed", "delivered", "read"]
    assert [ranks.index(state) for state in told] == sorted(map(ranks.index, told))
    assert told[-1] == "read"


async def test_many_statuses_in_one_batch_are_told_in_one_event(world: World) -> None:
    commands = [world.message(str(n)) for n in range(5)]
    for command in commands:
        await world.deliver(command)
    before = [await world.told(command) for command in commands]
    updates = [
        world.update(world.provider.id_of(n + 1), progress, seconds=seconds)
        for n in range(5)
        for seconds, progress in enumerate((Progress.READ, Progress.DELIVERED, Progress.SENT))
    ]
    random.shuffle(updates)
    correlations = await world.report(*updates)
    assert len(correlations) == 15
    assert all(correlations)
    assert before == [["sent"]] * 5
    assert [await world.told(command) for command in commands] == [["sent", "read"]] * 5


async def test_a_status_before_the_answer_finds_its_message_by_what_was_given_along(
    world: World,
) -> None:
    world.provider.hold = asyncio.Event()
    command = world.message()
    sending = asyncio.create_task(world.deliver(command))
    while not world.provider.requests:
        await asyncio.sleep(0.01)
    id = world.provider.id_of(1)
    await world.report(world.update(id, Progress.DELIVERED, opaque=command.message.id))
    assert await world.state(command) == "delivered"
    world.provider.hold.set()
    await sending
    (row,) = await world.rows()
    assert (row["state"], row["external_id"]) == ("delivered", id)
    assert row["sent_time"] is not None
    assert await world.told(command) == ["delivered"]


async def test_a_status_before_the_answer_that_names_nothing_waits_for_it(world: World) -> None:
    world.provider.hold = asyncio.Event()
    command = world.message()
    sending = asyncio.create_task(world.deliver(command))
    while not world.provider.requests:
        await asyncio.sleep(0.01)
    id = world.provider.id_of(1)
    assert await world.report(world.update(id, Progress.SENT)) == [""]
    assert await world.report(world.update(id, Progress.READ)) == [""]
    assert await world.state(command) == "sending"
    world.provider.hold.set()
    await sending
    assert await world.state(command) == "read"
    assert await world.told(command) == ["sent", "read"]
    assert await _parked(world) == 0


async def test_unnamed_statuses_race_with_the_answer_and_none_is_lost(world: World) -> None:
    for number in range(1, 16):
        command = world.message()
        id = world.provider.id_of(number)
        await asyncio.gather(
            world.deliver(command),
            *(
                _after(random.uniform(0, 0.02), world, id, progress)
                for progress in (Progress.SENT, Progress.DELIVERED, Progress.READ)
            ),
        )
        assert await world.state(command) == "read"
    assert await _parked(world) == 0


async def _after(seconds: float, world: World, id: str, progress: Progress) -> None:
    await asyncio.sleep(seconds)
    await world.report(world.update(id, progress))


async def test_statuses_of_what_others_sent_are_forgotten_in_time(world: World) -> None:
    await world.report(world.update("wamid.others", Progress.SENT, opaque="campaign-9"))
    await world.report(world.update("wamid.others2", Progress.SENT, opaque=new_id()))
    assert await _parked(world) == 2
    world.clock.pass_by(9 * 24 * 3600)
    await world.report(world.update("wamid.others3", Progress.SENT))
    assert await _parked(world) == 1


async def test_what_others_gave_along_holds_nothing_up(world: World) -> None:
    command = world.message()
    await world.deliver(command)
    foreign = world.update("wamid.others", Progress.SENT, opaque=f"{new_id()}/99999999999")
    await world.report(foreign, world.update(world.provider.id_of(1), Progress.READ))
    assert await world.state(command) == "read"


async def test_more_statuses_than_the_bus_carries_at_once_are_several_events(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuses, "TOLD_AT_ONCE", 2)
    commands = [world.message() for _ in range(5)]
    for command in commands:
        await world.deliver(command)
    await world.report(*(world.update(world.provider.id_of(n), Progress.READ) for n in range(1, 6)))
    events = await world.database.pool.fetch(
        "SELECT payload FROM ingestion.outbox WHERE subject = $1 ORDER BY id DESC LIMIT 3",
        f"evt.ingestion.{world.tenant_id}.deliveries_updated",
    )
    sizes = [len(DeliveriesUpdated.FromString(event["payload"]).updates) for event in events]
    assert sorted(sizes) == [1, 2, 2]
    assert all([(await world.told(command))[-1] == "read" for command in commands])


async def test_nobody_moves_anothers_delivery(world: World) -> None:
    command = world.message()
    await world.deliver(command)
    other = World(world.database, world.cache, world.http.session, world.http.graph_url)
    update = other.update(world.provider.id_of(1), Progress.READ, opaque=command.message.id)
    assert await other.report(update) == [""]
    assert await world.state(command) == "sent"


async def test_a_status_that_settles_a_doubt_stops_a_second_attempt(world: World) -> None:
    """The provider said that it failed, and sent it all the same."""
    from tests.ingestion.deliveries.world import refuses

    world.provider.behaves = [refuses(131000, 500)]
    command = world.message()
    await world.deliver(command)
    await world.report(world.update("wamid.after-all", Progress.SENT, opaque=command.message.id))
    world.clock.pass_by(60)
    await world.run_timers()
    await world.run_bus()
    assert world.provider.requests == 1
    assert await world.state(command) == "sent"


async def test_parts_are_told_by_the_last_one(world: World) -> None:
    command = world.message("palavra " * 1000)
    await world.deliver(command)
    await world.run_bus()
    first, last = world.provider.id_of(1), world.provider.id_of(2)
    await world.report(world.update(first, Progress.READ))
    assert await world.told(command) == ["sent"]
    await world.report(world.update(last, Progress.DELIVERED, opaque=f"{command.message.id}/1"))
    assert await world.told(command) == ["sent", "delivered"]


async def _parked(world: World) -> int:
    async with world.call().transaction() as tx:
        count: int = await tx.value("SELECT count(*) FROM ingestion.pending_statuses")
    return count
