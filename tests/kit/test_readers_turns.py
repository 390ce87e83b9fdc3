"""Whose turn it is to read, on connections that stand in for real ones."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from services.kit.readers import Readers


class Connection:
    """Stands in for a connection: every query lasts until the test lets it end."""

    def __init__(self, made: list[Connection]) -> None:
        self.closed = False
        self.running: asyncio.Future[list[str]] | None = None
        self.number = len(made)
        made.append(self)

    async def fetch(self, _query: str, *_args: object) -> list[str]:
        self.running = asyncio.get_running_loop().create_future()
        return await self.running

    def is_closed(self) -> bool:
        return self.closed

    def terminate(self) -> None:
        self.closed = True


class Office:
    """Readers over connections that stand in for real ones, and their callers."""

    def __init__(self, size: int) -> None:
        self.connections: list[Connection] = []
        self.readers = Readers(self.connect, size)
        self.away = False

    async def connect(self) -> Connection:
        if self.away:
            raise ConnectionRefusedError
        return Connection(self.connections)

    def call(self) -> asyncio.Task[list[Any]]:
        return asyncio.create_task(self.readers.fetch("SELECT 1", "t", ()))

    async def answer(self, text: str) -> None:
        """End the one query that is running."""
        await _settle()
        (running,) = (c.running for c in self.connections if c.running and not c.running.done())
        running.set_result([text])
        await _settle()


async def _settle() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_callers_are_served_in_turn_and_nobody_overtakes_who_waits() -> None:
    office = Office(1)
    served: list[str] = []

    async def greedy() -> None:
        for n in range(3):
            await office.readers.fetch("SELECT 1", "t", ())
            served.append(f"greedy {n}")

    async def patient() -> None:
        await office.readers.fetch("SELECT 1", "t", ())
        served.append("patient")

    tasks = [asyncio.create_task(greedy()), asyncio.create_task(patient())]
    for _ in range(4):
        await office.answer("x")
    assert served == ["greedy 0", "patient", "greedy 1", "greedy 2"]
    await asyncio.gather(*tasks)
    assert len(office.connections) == 1


async def test_who_leaves_while_waiting_holds_nobody_up() -> None:
    office = Office(1)
    first, second, third = office.call(), office.call(), office.call()
    await _settle()
    second.cancel()
    await office.answer("first")
    await office.answer("third")
    assert (await first, await third) == (["first"], ["third"])
    assert second.cancelled()


async def test_who_leaves_as_its_turn_comes_passes_it_on() -> None:
    office = Office(1)
    first, second, third = office.call(), office.call(), office.call()
    await _settle()
    running = office.connections[0].running
    assert running is not None
    running.set_result(["first"])
    while not first.done():
        await asyncio.sleep(0)
    second.cancel()  # By now the connection may be its own.
    await _settle()
    await office.answer("third")
    assert await third == ["third"]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert [c.closed for c in office.connections].count(False) == 1


async def test_a_connection_that_ends_lets_the_next_one_open_another() -> None:
    office = Office(1)
    first, second = office.call(), office.call()
    await _settle()
    first.cancel()
    await _settle()
    assert office.connections[0].closed
    await office.answer("second")
    assert await second == ["second"]
    assert len(office.connections) == 2


async def test_a_connection_that_ended_while_idle_is_given_to_nobody() -> None:
    office = Office(1)
    first = office.call()
    await office.answer("first")
    office.connections[0].closed = True
    second = office.call()
    await office.answer("second")
    assert (await first, await second) == (["first"], ["second"])
    assert len(office.connections) == 2


async def test_a_database_that_is_away_is_told_to_everyone_and_found_again() -> None:
    office = Office(1)
    office.away = True
    for task in [office.call() for _ in range(5)]:
        with pytest.raises(ConnectionRefusedError):
            await task
    office.away = False
    task = office.call()
    await office.answer("here again")
    assert await task == ["here again"]


async def test_nobody_waits_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.kit.readers._ACQUIRE_SECONDS", 0.0)
    office = Office(1)
    first, second = office.call(), office.call()
    with pytest.raises(TimeoutError):
        await second
    await office.answer("first")
    assert await first == ["first"]


async def test_what_is_closed_keeps_no_connection_and_refuses_who_waits() -> None:
    office = Office(2)
    first, second, third = office.call(), office.call(), office.call()
    await _settle()
    running = office.connections[0].running
    assert running is not None
    await office.readers.close()
    for late in (third, office.call()):
        with pytest.raises(asyncpg.InterfaceError):
            await late
    running.set_result(["first"])
    await first
    await office.answer("second")
    assert await second == ["second"]
    assert all(connection.closed for connection in office.connections)


async def test_a_place_that_was_passed_on_is_not_opened_twice() -> None:
    office = Office(1)
    first, second = office.call(), office.call()
    await _settle()
    first.cancel()
    third = office.call()  # It arrives while the second has the place, but no connection yet.
    await office.answer("second")
    assert [c.closed for c in office.connections] == [True, False]
    await office.answer("third")
    assert (await second, await third) == (["second"], ["third"])
