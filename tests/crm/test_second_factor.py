"""The second factor: codes of an authenticator, each once, and codes for a lost one."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st
from malha.crm.v1.second_factor_service_pb2 import (
    BeginSecondFactorRequest,
    BeginSecondFactorResponse,
    ConfirmSecondFactorRequest,
    RemoveSecondFactorRequest,
)
from malha.crm.v1.session_pb2 import Session

from services.crm.passwords.hashing import PasswordsBusy
from services.crm.second_factor.commands import (
    begin_second_factor,
    confirm_second_factor,
    remove_second_factor,
)
from services.crm.second_factor.model import (
    CodeInvalid,
    SecondFactorAlreadyOn,
    SecondFactorNotBegun,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_of,
)
from services.crm.sessions.model import (
    CredentialsInvalid,
    SecondFactorRequired,
    TooManyAttempts,
)
from services.kit.crypto import SealBroken
from tests.crm.desk import HOME, PASSWORD, Desk, Person

SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
NOW = datetime(2026, 11, 22, 12, 0, 15, tzinfo=UTC)
STEP = int(NOW.timestamp()) // 30


# Rules


@pytest.mark.parametrize(
    ("off", "after", "gives"),
    [
        (0, 0, STEP),
        (-1, 0, STEP - 1),
        (1, 0, STEP + 1),
        (-2, 0, None),
        (2, 0, None),
        (0, STEP - 1, STEP),
        (0, STEP, None),
        (-1, STEP, None),
        (1, STEP, STEP + 1),
    ],
)
def test_which_codes_count(off: int, after: int, gives: int | None) -> None:
    code = pyotp.TOTP(SECRET).generate_otp(STEP + off)
    assert step_of(SECRET, code, NOW, after) == gives
    assert step_of(SECRET, f" {code[:3]} {code[3:]}", NOW, after) == gives


def test_the_codes_are_those_of_the_standard() -> None:
    """RFC 6238, appendix B: its secret is ours, at 59 seconds."""
    assert step_of(SECRET, "287082", datetime.fromtimestamp(59, UTC), 0) == 1


@given(code=st.text(max_size=32))
def test_noise_is_no_code(code: str) -> None:
    real = {pyotp.TOTP(SECRET).generate_otp(STEP + off) for off in (-1, 0, 1)}
    assert (step_of(SECRET, code, NOW, 0) is None) or "".join(code.split()) in real


def test_recovery_codes_are_different_and_read_however_they_are_typed() -> None:
    codes = new_recovery_codes()
    assert len({recovery_hash(code) for code in codes}) == len(codes) == 10
    for code in codes:
        assert len(code) <= 32
        assert recovery_hash(f" {code.lower().replace('-', ' ')} ") == recovery_hash(code)


def test_secrets_never_repeat() -> None:
    assert len({new_secret() for _ in range(100)}) == 100


# Promises


async def test_it_counts_once_it_is_confirmed(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    begun = await _begin(desk, session)
    assert await desk.sign_in(person.email), "not confirmed yet"
    with pytest.raises(CodeInvalid):
        await _confirm(desk, session, _code(desk, begun.secret, -3))
    codes = await _confirm(desk, session, _code(desk, begun.secret))
    assert len(codes) == 10
    with pytest.raises(SecondFactorRequired):
        await desk.sign_in(person.email)
    assert len(await desk.letters(person, "second_factor_changed")) == 1


async def test_an_authenticator_reads_the_uri(desk: Desk) -> None:
    person = await desk.person()
    begun = await _begin(desk, await desk.sign_in(person.email))
    read = pyotp.parse_uri(begun.uri)
    assert (read.secret, read.name, read.issuer) == (begun.secret, person.email, "Malha")


async def test_a_right_password_and_a_code_sign_in(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    assert await desk.sign_in(person.email, code=_code(desk, secret))


async def test_only_the_right_password_learns_that_a_code_is_needed(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, "wrong wrong")
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, "wrong wrong", code=_code(desk, secret))
    assert await desk.sign_in(person.email, code=_code(desk, secret)), "the code is not used up"


@pytest.mark.parametrize(("off", "fails"), [(-2, True), (-1, False), (0, False), (1, False)])
async def test_an_authenticator_may_be_off_by_one_step(desk: Desk, off: int, fails: bool) -> None:
    person, secret, _ = await _with_factor(desk)
    desk.clock.turn(minutes=2)
    with pytest.raises(CredentialsInvalid) if fails else nullcontext():
        await desk.sign_in(person.email, code=_code(desk, secret, off))


async def test_a_code_works_once(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    code = _code(desk, secret)
    assert await desk.sign_in(person.email, code=code)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, code=code)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, code=_code(desk, secret, -1))
    desk.clock.turn(seconds=30)
    assert await desk.sign_in(person.email, code=_code(desk, secret))


@pytest.mark.parametrize("kind", ["authenticator", "recovery"])
async def test_a_code_works_once_even_at_the_same_time(desk: Desk, kind: str) -> None:
    person, secret, recovery = await _with_factor(desk)
    code = _code(desk, secret) if kind == "authenticator" else recovery[0]
    outcomes = await asyncio.gather(
        *(desk.another().sign_in(person.email, code=code) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, Session) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, CredentialsInvalid) for outcome in outcomes) == 3


async def test_the_code_that_confirmed_does_not_sign_in(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    secret = (await _begin(desk, session)).secret
    code = _code(desk, secret)
    await _confirm(desk, session, code)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, code=code)


async def test_each_recovery_code_signs_in_once(desk: Desk) -> None:
    person, _, codes = await _with_factor(desk)
    assert await desk.sign_in(person.email, code=codes[0].lower())
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, code=codes[0])
    assert await desk.sign_in(person.email, code=codes[1])


async def test_anothers_recovery_code_does_not_sign_in(desk: Desk) -> None:
    person, _, _ = await _with_factor(desk)
    _, _, codes = await _with_factor(desk, of=person)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, code=codes[0])


async def test_a_wrong_code_is_a_guess(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    for _ in range(5):
        with pytest.raises(CredentialsInvalid):
            await desk.sign_in(person.email, code=_code(desk, secret, 99))
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email, code=_code(desk, secret))


async def test_the_password_alone_neither_counts_nor_clears_the_count(desk: Desk) -> None:
    """Or who has the password could guess the code for ever, with a sign-in in between."""
    person, secret, _ = await _with_factor(desk)
    for _ in range(5):
        with pytest.raises(SecondFactorRequired):
            await desk.sign_in(person.email)
        with pytest.raises(CredentialsInvalid):
            await desk.sign_in(person.email, code=_code(desk, secret, 99))
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email, code=_code(desk, secret))


async def test_without_the_password_nothing_is_switched(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    session = await desk.sign_in(person.email, code=_code(desk, secret))
    with pytest.raises(CredentialsInvalid):
        await _remove(desk, session, "wrong wrong")
    with pytest.raises(CredentialsInvalid):
        await _begin(desk, session, "wrong wrong")
    with pytest.raises(SecondFactorRequired):
        await desk.sign_in(person.email)


async def test_a_password_is_checked_in_turn(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    session = await desk.sign_in(person.email, code=_code(desk, secret))
    for turns in (
        desk.passwords.working_on(person.email),
        desk.passwords.working_on("a", "b", "c", "d", address=HOME),
    ):
        with turns:
            with pytest.raises(PasswordsBusy):
                await _remove(desk, session)
            with pytest.raises(PasswordsBusy):
                await _begin(desk, session)


async def test_it_is_switched_off_with_the_password(desk: Desk) -> None:
    person, secret, codes = await _with_factor(desk)
    session = await desk.sign_in(person.email, code=_code(desk, secret))
    await _remove(desk, session)
    assert await desk.sign_in(person.email)
    await _remove(desk, session)
    assert len(await desk.letters(person, "second_factor_changed")) == 2, "on, and off once"
    begun = await _begin(desk, session)
    await _confirm(desk, session, _code(desk, begun.secret))
    desk.clock.turn(seconds=30)
    for old in (_code(desk, secret), codes[0]):
        with pytest.raises(CredentialsInvalid):
            await desk.sign_in(person.email, code=old)


async def test_what_is_on_is_neither_begun_nor_confirmed_again(desk: Desk) -> None:
    person, secret, _ = await _with_factor(desk)
    session = await desk.sign_in(person.email, code=_code(desk, secret))
    with pytest.raises(SecondFactorAlreadyOn):
        await _begin(desk, session)
    with pytest.raises(SecondFactorNotBegun):
        await _confirm(desk, session, _code(desk, secret, 1))


async def test_nothing_is_confirmed_that_was_not_begun(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    with pytest.raises(SecondFactorNotBegun):
        await _confirm(desk, session, "123456")


async def test_beginning_again_makes_another_secret(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    first, second = [await _begin(desk, session) for _ in range(2)]
    with pytest.raises(CodeInvalid):
        await _confirm(desk, session, _code(desk, first.secret))
    assert await _confirm(desk, session, _code(desk, second.secret))


async def test_a_secret_is_stored_sealed_for_its_person(desk: Desk) -> None:
    person, secret, codes = await _with_factor(desk)
    row = await desk.value(
        person.tenant_id, "SELECT secret FROM crm.second_factors WHERE user_id = $1", person.id
    )
    assert isinstance(row, bytes)
    assert secret.encode() not in row
    assert desk.second_factors.open(row, person.tenant_id, person.id) == secret
    other = await desk.person(of=person)
    with pytest.raises(SealBroken):
        desk.second_factors.open(row, person.tenant_id, other.id)
    stored = await desk.value(
        person.tenant_id, "SELECT string_agg(r::text, ' ') FROM crm.recovery_codes r"
    )
    assert codes[0] not in str(stored)
    assert codes[0].encode().hex() not in str(stored)


async def _with_factor(desk: Desk, of: Person | None = None) -> tuple[Person, str, list[str]]:
    """Somebody with a second factor, its secret, and the recovery codes; a while later."""
    person = await desk.person(of=of)
    session = await desk.sign_in(person.email)
    secret = (await _begin(desk, session)).secret
    codes = await _confirm(desk, session, _code(desk, secret))
    desk.clock.turn(minutes=5)
    return person, secret, codes


def _code(desk: Desk, secret: str, off: int = 0) -> str:
    step = int(desk.clock.now().timestamp()) // 30
    return pyotp.TOTP(secret).generate_otp(step + off)


async def _begin(
    desk: Desk, session: Session, password: str = PASSWORD
) -> BeginSecondFactorResponse:
    return await begin_second_factor(
        desk.call(session),
        BeginSecondFactorRequest(password=password),
        guessing=desk.guessing,
        passwords=desk.passwords,
        second_factors=desk.second_factors,
    )


async def _confirm(desk: Desk, session: Session, code: str) -> list[str]:
    response = await confirm_second_factor(
        desk.call(session),
        ConfirmSecondFactorRequest(code=code),
        guessing=desk.guessing,
        second_factors=desk.second_factors,
        mails=desk.mails,
        clock=desk.clock,
    )
    return list(response.recovery_codes)


async def _remove(desk: Desk, session: Session, password: str = PASSWORD) -> None:
    await remove_second_factor(
        desk.call(session),
        RemoveSecondFactorRequest(password=password),
        guessing=desk.guessing,
        passwords=desk.passwords,
        mails=desk.mails,
        clock=desk.clock,
    )
