"""Acknowledging goes first, and judging goes on."""

import asyncio
import time

import pytest

from services.ingestion.webhooks.pressure import Pressure


class Hand:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("per_second", "high"), [(0, False), (200, False), (2_000, True)])
def test_pressure_is_high_when_much_comes_in(per_second: int, high: bool) -> None:
    clock = Hand()
    pressure = Pressure(clock)
    for _ in range(300):
        clock.now += 0.01
        pressure.arrived(per_second // 100)
    assert pressure.high is high
    clock.now += 5
    assert not pressure.high


async def test_without_pressure_everybody_works_at_once() -> None:
    pressure = Pressure()
    inside = 0

    async def work() -> None:
        nonlocal inside
        async with pressure.turn():
            inside += 1
            while inside < 3:
                await asyncio.sleep(0)

    async with asyncio.timeout(2):
        await asyncio.gather(work(), work(), work())


async def test_under_pressure_one_works_at_a_time_and_rests() -> None:
    pressure = Pressure()
    pressure.arrived(100_000)
    inside, most = 0, 0

    async def work() -> None:
        nonlocal inside, most
        async with pressure.turn():
            inside += 1
            most = max(most, inside)
            await asyncio.sleep(0.02)
            inside -= 1

    started = time.monotonic()
    await asyncio.gather(work(), work(), work())
    assert most == 1
    assert time.monotonic() - started > 3 * 0.02 * 3


async def test_a_failure_gives_the_turn_back() -> None:
    pressure = Pressure()
    pressure.arrived(100_000)
    with pytest.raises(LookupError):
        async with pressure.turn():
            raise LookupError
    async with asyncio.timeout(1):
        async with pressure.turn():
            pass
