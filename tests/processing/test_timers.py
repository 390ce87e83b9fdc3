"""Valkey makes the buffer fast; without it the durable timer does the same a little later."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
import redis.asyncio as redis

from services.kit.clock import Clock
from services.kit.peers import Peers
from services.processing.buffering.events import poll_buffers, watch_conversation
from services.processing.timers import Buffered, BufferTimers, Place
from tests.outside import until
from tests.processing.stage import START, Stage

LEASE = timedelta(seconds=10)


@pytest.fixture
async def due(valkey: redis.Redis) -> BufferTimers:
    """Timers nobody else uses: what other tests left is gone."""
    await valkey.delete("{buffers}:due", "{buffers}:leased")
    return BufferTimers(valkey)


def _place(name: str) -> Place:
    return Place("t", "w", name)


async def test_a_due_buffer_is_claimed_once_until_its_lease_ends(due: BufferTimers) -> None:
    await due.append([Buffered(_place("a"), "m1", START), Buffered(_place("b"), "m2", START)])
    assert await due.claim(START - timedelta(seconds=1), LEASE, 10) == []
    claims = await asyncio.gather(*(due.claim(START, LEASE, 1) for _ in range(4)))
    assert sorted(place.conversation_id for claim in claims for place in claim) == ["a", "b"]
    assert await due.claim(START + timedelta(seconds=9), LEASE, 10) == []
    again = await due.claim(START + LEASE, LEASE, 10)
    assert len(again) == 2, "whoever claimed them died"
    for place in again:
        await due.settle(place, [], None)
    assert await due.claim(START + timedelta(days=1), LEASE, 10) == []


async def test_a_message_during_the_hand_over_is_due_again(due: BufferTimers) -> None:
    later = START + timedelta(seconds=3)
    await due.append([Buffered(_place("c"), "m1", START)])
    (claimed,) = await due.claim(START, LEASE, 10)
    await due.append([Buffered(_place("c"), "m2", later)])
    await due.settle(claimed, ["m1"], None)
    client = due._client
    assert await cast(Any, client.lrange(claimed.buffer, 0, -1)) == [b"m2"]
    assert await due.claim(later, LEASE, 10) == [claimed]
    await due.settle(claimed, ["m2"], None)


async def test_without_valkey_messages_are_stored_and_answered_all_the_same(
    stage: Stage,
) -> None:
    stage.timers = BufferTimers(redis.Redis(unix_socket_path="/nowhere.sock"))
    await stage.say()
    assert await stage.timer() == START + timedelta(seconds=13)
    stage.clock.pass_(seconds=13)
    await watch_conversation(
        stage.call(),
        (await stage.conversation())["id"],
        timers=stage.timers,
        assistants=stage.assistants,
        tenants=stage.tenants,
        clock=stage.clock,
        settings=stage.settings,
    )
    assert len(await stage.turns()) == 1


async def test_two_processes_that_poll_hand_each_buffer_on_once(
    stage: Stage, due: BufferTimers
) -> None:
    stage.clock = cast(Any, Clock())
    stage.timers = due
    stage.assistant.quiet_time.FromTimedelta(timedelta(milliseconds=200))

    async def poll() -> None:
        await poll_buffers(
            timers=due,
            database=stage.database,
            peers=cast(Peers, stage.peers),
            assistants=stage.assistants,
            tenants=stage.tenants,
            clock=stage.clock,
            settings=stage.settings,
        )

    tasks = [asyncio.create_task(poll()) for _ in range(2)]
    try:
        await asyncio.gather(*(stage.say(sender=f"55119{n}") for n in range(20)))

        async def all_handed_on() -> bool:
            return len(await stage.turns()) == 20

        await until(all_handed_on, 10)
        assert not await stage.messages("waits")
        assert {turn["attempt"] for turn in await stage.turns()} == {1}
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
