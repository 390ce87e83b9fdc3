"""Whoever guesses waits: across replicas, in parallel, and without locking people out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from malha.crm.v1.password_service_pb2 import ChangePasswordRequest

from services.crm.passwords.commands import change_password
from services.crm.passwords.hashing import PasswordsBusy
from services.crm.sessions import guessing
from services.crm.sessions.model import (
    FORGET_GUESSES,
    CredentialsInvalid,
    Guesses,
    TooManyAttempts,
    wait_after,
)
from services.kit.auth import TenantSuspended
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.testing import open_database, public_call
from tests.crm.desk import HOME, PASSWORD, Desk

NOW = datetime(2026, 11, 22, tzinfo=UTC)
QUARTER = timedelta(minutes=15)
WRONG = "wrong wrong"


@pytest.fixture
async def replica(desk: Desk, infra: Infra) -> AsyncIterator[Desk]:
    """A second process of crm, with connections of its own."""
    async with open_database(infra.environment("crm")) as database:
        yield Desk(database, infra, beside=desk)


# Rules


@pytest.mark.parametrize(
    ("failures", "seconds"),
    [(0, 0), (4, 0), (5, 1), (6, 2), (7, 4), (8, 8), (14, 512), (15, 900), (16, 900), (10**6, 900)],
)
def test_the_wait_doubles_up_to_a_quarter_of_an_hour(failures: int, seconds: int) -> None:
    assert wait_after(failures, 5, QUARTER) == timedelta(seconds=seconds)


@given(
    failures=st.integers(0, 10**9),
    free=st.integers(1, 100),
    longest=st.timedeltas(timedelta(seconds=1), timedelta(days=1)),
)
def test_more_failures_never_wait_less_and_nobody_longer_than_the_longest(
    failures: int, free: int, longest: timedelta
) -> None:
    wait = wait_after(failures, free, longest)
    assert timedelta(0) <= wait <= wait_after(failures + 1, free, longest) <= longest


@given(passed=st.lists(st.timedeltas(timedelta(0), timedelta(days=3)), max_size=30))
def test_a_guess_counts_one_more_unless_the_old_ones_are_forgotten(passed: list[timedelta]) -> None:
    guesses = Guesses(0, NOW, NOW)
    now = NOW
    for one in passed:
        now += one
        after = guesses.count(now, 5, QUARTER)
        assert after.failures == (1 if one >= FORGET_GUESSES else guesses.failures + 1)
        assert after.next_time - now == wait_after(after.failures, 5, QUARTER)
        guesses = after


def test_what_was_no_guess_leaves_the_count_as_it_was() -> None:
    guesses = Guesses(7, NOW, NOW)
    later = NOW + timedelta(minutes=1)
    back = guesses.count(later, 5, QUARTER).take_back(later)
    assert (back.failures, back.next_time) == (7, later)


# Promises


async def test_after_five_wrong_passwords_the_next_is_not_even_checked(desk: Desk) -> None:
    person = await desk.person()
    await _guess(desk, person.email, 5)
    desk.passwords.checked = 0
    with pytest.raises(TooManyAttempts) as refused:
        await desk.sign_in(person.email)
    assert refused.value.retry_after == 1
    assert desk.passwords.checked == 0
    desk.clock.turn(seconds=1)
    assert await desk.sign_in(person.email)


async def test_each_further_wrong_password_waits_twice_as_long(desk: Desk) -> None:
    email, waits = (await desk.person()).email, []
    await _guess(desk, email, 5)
    for _ in range(13):
        with pytest.raises(TooManyAttempts) as refused:
            await desk.sign_in(email)
        waits.append(refused.value.retry_after)
        desk.clock.turn(seconds=refused.value.retry_after or 0)
        await _guess(desk, email, 1, address=_elsewhere(len(waits)))
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900, 900]


async def test_asking_while_one_has_to_wait_does_not_prolong_the_wait(desk: Desk) -> None:
    person = await desk.person()
    await _guess(desk, person.email, 8)
    for _ in range(20):
        with pytest.raises(TooManyAttempts):
            await desk.sign_in(person.email)
    desk.clock.turn(seconds=8)
    assert await desk.sign_in(person.email)


async def test_two_replicas_count_together(desk: Desk, replica: Desk) -> None:
    person = await desk.person()
    for one in (desk, replica, desk, replica, desk):
        await _guess(one, person.email, 1)
    for one in (replica, desk):
        with pytest.raises(TooManyAttempts):
            await one.sign_in(person.email)
    desk.clock.turn(seconds=1)
    assert await replica.sign_in(person.email)
    await _guess(desk, person.email, 4)
    assert await replica.sign_in(person.email), "a right sign-in starts the count anew"


@pytest.mark.parametrize("known", [False, True])
async def test_guesses_at_the_same_time_do_not_slip_past(
    desk: Desk, replica: Desk, known: bool
) -> None:
    person = await desk.person()
    if known:
        await desk.sign_in(person.email)
    desks = [one.another() for _ in range(15) for one in (desk, replica)]
    outcomes = await asyncio.gather(
        *(one.sign_in(person.email, f"{WRONG} {number}") for number, one in enumerate(desks)),
        return_exceptions=True,
    )
    refused = [type(outcome) for outcome in outcomes]
    assert refused.count(CredentialsInvalid) == 5
    assert refused.count(TooManyAttempts) == 25
    assert sum(one.passwords.checked for one in desks) == 5


async def test_guesses_at_the_same_time_at_one_replica_do_not_slip_past_either(desk: Desk) -> None:
    """Those refused as too many passwords at once are no guesses, and no way round the count."""
    person = await desk.person()
    outcomes = await asyncio.gather(
        *(desk.sign_in(person.email, f"{WRONG} {number}") for number in range(30)),
        return_exceptions=True,
    )
    refused = [type(outcome) for outcome in outcomes]
    assert set(refused) <= {CredentialsInvalid, TooManyAttempts, PasswordsBusy}
    wrong = refused.count(CredentialsInvalid)
    assert 0 < wrong == desk.passwords.checked <= 5
    await _guess(desk, person.email, 5 - wrong, address=HOME)
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email)


async def test_an_account_that_does_not_exist_looks_the_same(desk: Desk) -> None:
    person = await desk.person()
    answers = []
    for number, email in enumerate((person.email, f"{new_id()}@example.com")):
        given = []
        for guess in range(8):
            with pytest.raises((CredentialsInvalid, TooManyAttempts)) as refused:
                await desk.sign_in(email, WRONG, address=_elsewhere(number))
            error = refused.value
            given.append((error.reason, error.message, error.metadata, error.retry_after))
            desk.clock.turn(seconds=0.75 if guess > 4 else 0)
        answers.append(given)
    assert answers[0] == answers[1]
    assert {reason for reason, *_ in answers[0]} == {"CREDENTIALS_INVALID", "TOO_MANY_ATTEMPTS"}


async def test_one_address_that_tries_many_accounts_waits(desk: Desk) -> None:
    address = _elsewhere(77)
    desk.settings.guesses_per_address = 6
    for _ in range(6):
        await _guess(desk, f"{new_id()}@example.com", 1, address=address)
    person = await desk.person()
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email, address=address)
    assert await desk.sign_in(person.email, address=_elsewhere(78))
    desk.clock.turn(seconds=1)
    assert await desk.sign_in(person.email, address=address)


async def test_right_sign_ins_do_not_count_against_their_address(desk: Desk) -> None:
    address = _elsewhere(80)
    desk.settings.guesses_per_address = 3
    for _ in range(8):
        assert await desk.sign_in((await desk.person()).email, address=address)


async def test_a_right_sign_in_does_not_clear_its_address(desk: Desk) -> None:
    """Or whoever has an account of their own could guess at others for ever."""
    address, own = _elsewhere(81), await desk.person()
    desk.settings.guesses_per_address = 4
    for _ in range(3):
        await _guess(desk, f"{new_id()}@example.com", 1, address=address)
        assert await desk.sign_in(own.email, address=address)
    await _guess(desk, f"{new_id()}@example.com", 1, address=address)
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(own.email, address=address)


async def test_guesses_from_elsewhere_do_not_hold_up_who_signed_in_here_before(desk: Desk) -> None:
    person, home = await desk.person(), _elsewhere(90)
    await desk.sign_in(person.email, address=home)
    for number in range(12):
        await _guess(desk, person.email, 1, address=_elsewhere(100 + number))
        desk.clock.turn(seconds=wait_after(number + 1, 5, QUARTER).total_seconds())
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, WRONG, address=_elsewhere(120))
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email, address=_elsewhere(121))
    assert await desk.sign_in(person.email, address=home)


async def test_who_signed_in_here_before_waits_after_wrong_ones_too(desk: Desk) -> None:
    person, home = await desk.person(), _elsewhere(91)
    await desk.sign_in(person.email, address=home)
    await _guess(desk, person.email, 5, address=home)
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email, address=home)


async def test_what_fails_for_another_reason_is_no_guess(desk: Desk) -> None:
    person = await desk.person()
    await desk.set_tenant_status(person.tenant_id, 2)
    for _ in range(8):
        with pytest.raises(TenantSuspended):
            await desk.sign_in(person.email)
    await desk.set_tenant_status(person.tenant_id, 1)
    await _guess(desk, person.email, 4)
    assert await desk.sign_in(person.email)


async def test_what_is_no_guess_is_taken_back_once_each_even_at_the_same_time(desk: Desk) -> None:
    person = await desk.person()
    await desk.set_tenant_status(person.tenant_id, 2)
    desks = [desk.another() for _ in range(4)]
    for _ in range(10):
        outcomes = await asyncio.gather(
            *(one.sign_in(person.email, address="") for one in desks), return_exceptions=True
        )
        assert {type(outcome) for outcome in outcomes} == {TenantSuspended}
    await desk.set_tenant_status(person.tenant_id, 1)
    await _guess(desk, person.email, 4)
    assert await desk.sign_in(person.email)


async def test_what_fails_for_another_reason_does_not_clear_the_count(desk: Desk) -> None:
    person = await desk.person()
    await _guess(desk, person.email, 4)
    await desk.set_tenant_status(person.tenant_id, 2)
    with pytest.raises(TenantSuspended):
        await desk.sign_in(person.email)
    await desk.set_tenant_status(person.tenant_id, 1)
    await _guess(desk, person.email, 1)
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email)


async def test_a_refusal_because_of_too_many_passwords_is_no_guess(desk: Desk) -> None:
    person = await desk.person()
    desk.passwords.refuse = True
    for _ in range(8):
        with pytest.raises(PasswordsBusy):
            await desk.sign_in(person.email)
    desk.passwords.refuse = False
    assert await desk.sign_in(person.email)


async def test_one_account_that_signs_in_all_the_time_keeps_nobody_out(desk: Desk) -> None:
    ana, rui = await desk.person(), await desk.person()
    with desk.passwords.working_on(ana.email):
        with pytest.raises(PasswordsBusy):
            await desk.sign_in(f" {ana.email.upper()} ", address=_elsewhere(60))
        assert await desk.sign_in(rui.email)
    with desk.passwords.working_on("a", "b", "c", "d", address=HOME):
        with pytest.raises(PasswordsBusy):
            await desk.sign_in(rui.email, address=HOME)
        assert await desk.sign_in(rui.email, address=_elsewhere(61))
    assert await desk.sign_in(ana.email)


async def test_a_call_that_was_given_up_stays_counted(desk: Desk) -> None:
    """Or a guesser would hang up whenever an answer takes long."""
    person = await desk.person()
    checked = desk.passwords.hold()
    for _ in range(5):
        checked.clear()
        call = asyncio.create_task(desk.sign_in(person.email, WRONG))
        await checked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    desk.passwords.let_go()
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email)


async def test_a_stolen_token_does_not_guess_the_password(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    request = ChangePasswordRequest(password=WRONG, new_password="another password")
    for number in range(6):
        with pytest.raises(CredentialsInvalid if number < 5 else TooManyAttempts):
            await change_password(
                desk.call(session),
                request,
                guessing=desk.guessing,
                passwords=desk.passwords,
                mails=desk.mails,
                clock=desk.clock,
            )


async def test_guesses_are_forgotten_after_a_day(desk: Desk) -> None:
    person = await desk.person()
    await _guess(desk, person.email, 5)
    desk.clock.turn(hours=24)
    await _guess(desk, person.email, 4)
    assert await desk.sign_in(person.email)


async def test_counts_nobody_needs_are_deleted_and_known_addresses_kept(desk: Desk) -> None:
    person, home = await desk.person(), _elsewhere(95)
    await desk.sign_in(person.email, address=home)
    await _guess(desk, f"{new_id()}@example.com", 1)
    before = await _stored(desk)
    desk.clock.turn(days=89)
    await desk.guessing.forget_old()
    kept = await _stored(desk)
    assert 0 < kept < before
    for number in range(6):
        with nullcontext() if number < 5 else pytest.raises(TooManyAttempts):
            await _guess(desk, person.email, 1, address=_elsewhere(96))
    assert await desk.sign_in(person.email, address=home)


async def test_counts_are_deleted_a_few_at_a_time_until_none_is_left(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(6):
        await _guess(desk, f"{new_id()}@example.com", 1)
    before = await _stored(desk)
    desk.clock.turn(days=2)
    async with public_call(desk.database).transaction() as tx:
        assert await tx.run(guessing.sql.forget_old_attempts, desk.clock.now(), 2) == 2
    monkeypatch.setattr(guessing, "FORGET_AT_ONCE", 1)
    assert await desk.guessing.forget_old() >= 4
    assert await _stored(desk) <= before - 6
    assert await desk.guessing.forget_old() == 0


async def test_what_is_stored_names_nobody(desk: Desk) -> None:
    person = await desk.person()
    await _guess(desk, person.email, 1)
    async with desk.database.pool.acquire() as connection:
        rows = await connection.fetch("SELECT a::text AS row FROM crm.sign_in_attempts a")
    stored = "".join(row["row"] for row in rows)
    for secret in (person.email, person.id, person.tenant_id, "203.0.113.7", WRONG, PASSWORD):
        assert secret not in stored
        assert secret.encode().hex() not in stored


async def _guess(desk: Desk, email: str, times: int, *, address: str = "") -> None:
    """Guess wrong, as fast as the waits allow."""
    for number in range(times):
        if number >= 5:
            desk.clock.turn(seconds=wait_after(number, 5, QUARTER).total_seconds())
        with pytest.raises(CredentialsInvalid):
            await desk.sign_in(email, WRONG, address=address)


def _elsewhere(number: int) -> str:
    return f"2001:db8:0:{number:x}::1"


async def _stored(desk: Desk) -> int:
    async with desk.database.pool.acquire() as connection:
        return int(await connection.fetchval("SELECT count(*) FROM crm.sign_in_attempts"))
