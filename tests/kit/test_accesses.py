"""What is remembered about keys and sessions: for how long, and what makes it forgotten."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

from services.kit.accesses import Accesses, _Answer
from services.kit.auth import ApiKeyInvalid
from services.kit.errors import DeadlineExceeded, NotFound, Unavailable

Forward = Callable[[float], None]

TENANT = "a tenant"


class Crm:
    """Stands in for crm: what it says, how often it was asked, and when it answers."""

    def __init__(self) -> None:
        self.says: str | Exception = "old"
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def ask(self) -> str:
        self.asked += 1
        says = self.says
        await self.answers.wait()
        if isinstance(says, Exception):
            raise says
        return says

    async def is_asked(self, times: int) -> None:
        """Wait until it has been asked so often."""
        async with asyncio.timeout(5):
            while self.asked < times:
                await asyncio.sleep(0)


class Bus:
    """Stands in for the bus: the number of the connection, 0 while there is none."""

    connection = 1


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.fixture
def bus() -> Bus:
    return Bus()


@pytest.fixture
def accesses(bus: Bus) -> Accesses[str]:
    made: Accesses[str] = Accesses(lambda _: TENANT)
    made.hears = lambda: bus.connection
    return made


@pytest.fixture
def forward(monkeypatch: pytest.MonkeyPatch) -> Forward:
    """Let time pass for the code under test."""
    passed = 0.0
    real = time.monotonic

    def advance(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr("services.kit.accesses.time.monotonic", lambda: real() + passed)
    return advance


async def _of(accesses: Accesses[str], crm: Crm, credential: str = "key") -> str:
    return await accesses.of(credential, crm.ask, ApiKeyInvalid)


async def test_callers_at_once_share_one_question(accesses: Accesses[str], crm: Crm) -> None:
    assert await asyncio.gather(*(_of(accesses, crm) for _ in range(50))) == ["old"] * 50
    assert crm.asked == 1
    await _of(accesses, crm, "another key")
    assert crm.asked == 2


async def test_a_caller_that_leaves_takes_the_answer_from_nobody(
    accesses: Accesses[str], crm: Crm
) -> None:
    crm.answers.clear()
    first, second = (asyncio.create_task(_of(accesses, crm)) for _ in range(2))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    first.cancel()
    crm.answers.set()
    assert await second == "old"
    assert crm.asked == 1
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_an_answer_is_kept_for_half_a_minute(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    await _of(accesses, crm)
    crm.says = "new"
    forward(29)
    assert await _of(accesses, crm) == "old"
    forward(1)
    assert await _of(accesses, crm) == "new"


async def test_an_answer_is_kept_for_a_second_while_no_change_would_be_heard(
    accesses: Accesses[str], crm: Crm, bus: Bus, forward: Forward
) -> None:
    bus.connection = 0
    await _of(accesses, crm)
    crm.says = "new"
    forward(0.5)
    assert await _of(accesses, crm) == "old"
    forward(0.5)
    assert await _of(accesses, crm) == "new"


async def test_an_answer_counts_for_no_more_than_a_second_once_the_bus_has_left(
    accesses: Accesses[str], crm: Crm, bus: Bus, forward: Forward
) -> None:
    await _of(accesses, crm)
    crm.says = "new"
    forward(2)
    bus.connection = 0
    assert await _of(accesses, crm) == "new"


async def test_a_bus_that_was_away_meanwhile_may_have_kept_a_change_to_itself(
    accesses: Accesses[str], crm: Crm, bus: Bus, forward: Forward
) -> None:
    await _of(accesses, crm)
    forward(2)
    bus.connection += 1
    crm.says = "new"
    assert await _of(accesses, crm) == "new"


async def test_a_bus_that_went_away_during_the_question_may_have_too(
    accesses: Accesses[str], crm: Crm, bus: Bus, forward: Forward
) -> None:
    crm.answers.clear()
    asking = asyncio.create_task(_of(accesses, crm))
    await crm.is_asked(1)
    bus.connection += 1
    crm.answers.set()
    assert await asking == "old"
    crm.says = "new"
    forward(2)
    assert await _of(accesses, crm) == "new"


async def test_what_is_forgotten_is_asked_again_and_nothing_else(
    accesses: Accesses[str], crm: Crm
) -> None:
    await _of(accesses, crm)
    accesses.forget(TENANT, lambda value: value != "old")
    crm.says = "new"
    assert await _of(accesses, crm) == "old"
    accesses.forget(TENANT, lambda value: value == "old")
    assert await _of(accesses, crm) == "new"


async def test_an_answer_on_its_way_as_something_changes_is_asked_for_again(
    accesses: Accesses[str], crm: Crm
) -> None:
    crm.answers.clear()
    asking = asyncio.create_task(_of(accesses, crm))
    await crm.is_asked(1)
    accesses.forget(TENANT, lambda _: False)
    crm.says = "new"
    crm.answers.set()
    assert await asking == "new"
    assert await _of(accesses, crm) == "new"
    assert crm.asked == 2


async def test_what_another_tenant_changes_touches_no_answer(
    accesses: Accesses[str], crm: Crm
) -> None:
    await _of(accesses, crm)
    crm.answers.clear()
    asking = asyncio.create_task(accesses.of("another key of the tenant", crm.ask, ApiKeyInvalid))
    await crm.is_asked(2)
    accesses.forget("another tenant")
    crm.answers.set()
    await asking
    assert await _of(accesses, crm) == "old"
    assert crm.asked == 2


async def test_answers_that_fall_out_leave_nothing_behind(
    accesses: Accesses[str], crm: Crm, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10_050):
        accesses._answers[str(number).encode()] = _Answer("old", 0.0, 1)
    assert len(accesses._answers.of_tenant(TENANT)) == len(accesses._answers) == 10_000
    accesses.forget(TENANT)
    assert not accesses._answers
    assert not accesses._answers._digests


async def test_an_answer_on_its_way_as_something_changes_is_not_joined(
    accesses: Accesses[str], crm: Crm
) -> None:
    crm.answers.clear()
    before = asyncio.create_task(_of(accesses, crm))
    await crm.is_asked(1)
    accesses.forget(TENANT, lambda _: True)
    crm.says = "new"
    after = asyncio.create_task(_of(accesses, crm))
    crm.answers.set()
    await before
    assert await after == "new"  # And not what the question from before was told.
    assert await _of(accesses, crm) == "new"
    assert crm.asked == 2


async def test_a_refusal_on_its_way_as_something_changes_is_not_kept(
    accesses: Accesses[str], crm: Crm
) -> None:
    crm.says = ApiKeyInvalid()
    crm.answers.clear()
    asking = asyncio.create_task(_of(accesses, crm))
    await crm.is_asked(1)
    accesses.forget(TENANT, lambda _: True)
    crm.answers.set()
    with pytest.raises(ApiKeyInvalid):
        await asking
    crm.says = "new"
    assert await _of(accesses, crm) == "new"


async def test_a_refusal_is_kept_for_five_seconds(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    crm.says = ApiKeyInvalid()
    for _ in range(3):
        with pytest.raises(ApiKeyInvalid):
            await _of(accesses, crm)
    assert crm.asked == 1
    crm.says = "new"
    forward(4.9)
    with pytest.raises(ApiKeyInvalid):
        await _of(accesses, crm)
    forward(0.2)
    assert await _of(accesses, crm) == "new"


async def test_who_is_refused_once_known_is_known_no_longer(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    await _of(accesses, crm)
    forward(31)
    crm.says = ApiKeyInvalid()
    with pytest.raises(ApiKeyInvalid):
        await _of(accesses, crm)
    crm.says = Unavailable()
    with pytest.raises(ApiKeyInvalid):
        await _of(accesses, crm)
    forward(6)
    with pytest.raises(Unavailable):
        await _of(accesses, crm)


@pytest.mark.parametrize("problem", [Unavailable(), DeadlineExceeded()])
async def test_without_crm_an_older_answer_counts_for_a_minute(
    accesses: Accesses[str], crm: Crm, forward: Forward, problem: Exception
) -> None:
    await _of(accesses, crm)
    crm.says = problem
    forward(58)
    assert await _of(accesses, crm) == "old"
    forward(2)
    with pytest.raises(type(problem)):
        await _of(accesses, crm)


async def test_without_crm_it_is_asked_once_a_second_at_the_most(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    await _of(accesses, crm)
    crm.says = Unavailable()
    forward(40)
    for _ in range(10):
        assert await _of(accesses, crm) == "old"
    assert crm.asked == 2
    forward(1)
    crm.says = "new"
    assert await _of(accesses, crm) == "new"


async def test_without_crm_and_without_the_bus_nothing_older_counts(
    accesses: Accesses[str], crm: Crm, bus: Bus, forward: Forward
) -> None:
    await _of(accesses, crm)
    crm.says = Unavailable()
    forward(2)
    bus.connection = 0
    with pytest.raises(Unavailable):
        await _of(accesses, crm)
    bus.connection = 2  # It may have missed something.
    with pytest.raises(Unavailable):
        await _of(accesses, crm)


async def test_what_was_forgotten_does_not_come_back_because_crm_is_away(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    await _of(accesses, crm)
    forward(40)
    crm.says = Unavailable()
    assert await _of(accesses, crm) == "old"
    accesses.forget(TENANT, lambda _: True)
    with pytest.raises(Unavailable):
        await _of(accesses, crm)


async def test_an_answer_that_is_forgotten_during_the_question_does_not_come_back_either(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    await _of(accesses, crm)
    forward(40)
    crm.says = Unavailable()
    crm.answers.clear()
    asking = asyncio.create_task(_of(accesses, crm))
    await crm.is_asked(2)
    accesses.forget(TENANT, lambda _: True)
    crm.answers.set()
    with pytest.raises(Unavailable):
        await asking


async def test_another_error_is_no_reason_to_trust_an_older_answer(
    accesses: Accesses[str], crm: Crm, forward: Forward
) -> None:
    await _of(accesses, crm)
    forward(40)
    crm.says = NotFound()
    with pytest.raises(NotFound):
        await _of(accesses, crm)
