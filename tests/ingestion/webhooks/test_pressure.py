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


@pytest.mark.parametrize(
    ("webhooks", "every", "high"),
    [
        pytest.param(1, 0.005, False, id="one at a time, 200 a second"),
        pytest.param(3, 0.002, False, id="small batches, 1,500 a second"),
        pytest.param(60, 1.0, False, id="a large batch now and then"),
        pytest.param(60, 0.1, True, id="large batches, 600 a second"),
        pytest.param(30, 0.005, True, id="large batches, 6,000 a second"),
    ],
)
def test_pressure_is_high_when_webhooks_come_faster_than_commits(
    webhooks: int, every: float, high: bool
) -> None:
    clock = Hand()
    pressure = Pressure(clock)
    for _ in range(300):
        clock.now += every
        pressure.arrived(webhooks)
    clock.now += every
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
