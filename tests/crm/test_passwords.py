"""Passwords, forgotten and changed."""

from __future__ import annotations

import asyncio

import pytest
from malha.crm.v1.password_service_pb2 import (
    ChangePasswordRequest,
    RequestPasswordResetRequest,
    ResetPasswordRequest,
)
from malha.crm.v1.session_pb2 import Session

from services.crm.mail.addresses import AddressInvalid
from services.crm.passwords.commands import (
    change_password,
    request_password_reset,
    reset_password,
)
from services.crm.passwords.hashing import PasswordsBusy
from services.crm.passwords.model import (
    PasswordTooWeak,
    ResetTokenInvalid,
)
from services.crm.sessions.model import CredentialsInvalid, RefreshTokenInvalid, TooManyAttempts
from services.crm.sessions.tokens import REFRESH, RESET, new_token
from services.kit.ids import new_id
from services.kit.testing import public_call
from tests.crm.desk import HOME, PASSWORD, Desk, Person

NEW = "a staple of horses"
ANA = "ana.maria.souza@example.com"


# Forgotten


async def test_a_link_from_a_mail_sets_a_new_password_once(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    token = await _asked(desk, person)
    await _reset(desk, token)
    assert await desk.sign_in(person.email, NEW)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, PASSWORD)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(session.refresh_token)
    assert await desk.ended(person.tenant_id) == [session.session_id]
    with pytest.raises(ResetTokenInvalid):
        await _reset(desk, token)
    assert len(await desk.letters(person, "password_changed")) == 1


async def test_a_link_is_used_once_even_at_the_same_time(desk: Desk) -> None:
    person = await desk.person()
    token = await _asked(desk, person)
    outcomes = await asyncio.gather(
        *(_reset(desk.another(), token, f"new password {n}") for n in range(5)),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert {type(outcome) for outcome in outcomes} == {type(None), ResetTokenInvalid}


async def test_a_link_works_for_an_hour(desk: Desk) -> None:
    person = await desk.person()
    token = await _asked(desk, person)
    desk.clock.turn(hours=1)
    with pytest.raises(ResetTokenInvalid):
        await _reset(desk, token)
    assert await desk.sign_in(person.email)


async def test_one_used_link_ends_the_others(desk: Desk) -> None:
    person = await desk.person()
    tokens = [await _asked(desk, person) for _ in range(2)]
    await _reset(desk, tokens[0])
    with pytest.raises(ResetTokenInvalid):
        await _reset(desk, tokens[1])


async def test_a_weak_password_leaves_the_link_as_it_was(desk: Desk) -> None:
    person = await desk.person()
    token = await _asked(desk, person)
    for weak in (person.email, "qwertyuiop"):
        with pytest.raises(PasswordTooWeak):
            await _reset(desk, token, weak)
    await _reset(desk, token)


async def test_no_other_secret_resets_a_password(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    await _asked(desk, person)
    for token in (
        new_token(RESET, person.tenant_id).text,
        new_token(RESET, new_id()).text,
        new_token(REFRESH, person.tenant_id).text,
        session.refresh_token,
        "x",
    ):
        with pytest.raises(ResetTokenInvalid):
            await _reset(desk, token)
    assert await desk.sign_in(person.email)


async def test_asking_for_a_link_says_nothing_about_who_has_an_account(desk: Desk) -> None:
    person = await desk.person()
    nobody = f"{new_id()}@example.com"
    answers = [await _ask(desk, email) for email in (person.email, nobody)]
    assert answers[0] == answers[1]
    assert len(await desk.letters(person, "password_reset")) == 1
    refusals = []
    for email in (person.email, nobody):
        given = [await _ask(desk, email) for _ in range(6)]
        refusals.append([error and (error.reason, error.retry_after) for error in given])
    assert refusals[0] == refusals[1]


async def test_nobodys_mailbox_is_flooded(desk: Desk) -> None:
    person = await desk.person()
    answers = [await _ask(desk, f" {person.email.upper()} ") for _ in range(12)]
    assert [type(answer) for answer in answers[5:]] == [TooManyAttempts] * 7
    assert len(await desk.letters(person, "password_reset")) == 5


async def test_nobody_is_sent_more_than_five_links_a_day(desk: Desk) -> None:
    person = await desk.person()
    for hour in range(24):
        assert (await _ask(desk, person.email) is None) == (hour < 5)
        desk.clock.turn(hours=1)
    assert len(await desk.letters(person, "password_reset")) == 5
    desk.clock.turn(hours=5)
    assert await _ask(desk, person.email) is None


async def test_who_asks_too_often_is_told_to_come_back_the_next_day(desk: Desk) -> None:
    email = f"{new_id()}@example.com"
    refusals = [await _ask(desk, email) for _ in range(6)]
    assert refusals[-1] is not None
    assert refusals[-1].retry_after == 86_400


async def test_who_signed_in_here_before_gets_a_link_whatever_strangers_asked_for(
    desk: Desk,
) -> None:
    person = await desk.person()
    await desk.sign_in(person.email, address=HOME)
    for _ in range(8):
        await _ask(desk, person.email, address="198.51.100.9")
    assert await _ask(desk, person.email, address="198.51.100.10") is not None
    assert [await _ask(desk, person.email, address=HOME) for _ in range(5)] == [None] * 5
    assert await _ask(desk, person.email, address=HOME) is not None


@pytest.mark.parametrize("email", ["a..b@example.com", ".a@example.com"])
async def test_no_link_is_sent_to_what_is_no_address(desk: Desk, email: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        await _ask(desk, email)
    assert [field for field, _ in refused.value.violations()] == ["email"]


async def test_asking_for_a_link_neither_needs_nor_clears_the_count_of_guesses(desk: Desk) -> None:
    person = await desk.person()
    for _ in range(5):
        with pytest.raises(CredentialsInvalid):
            await desk.sign_in(person.email, "wrong wrong", address="")
    token = await _asked(desk, person)
    with pytest.raises(TooManyAttempts):
        await desk.sign_in(person.email)
    await _reset(desk, token)
    assert await desk.sign_in(person.email, NEW), "who owns the mailbox is let in at once"


async def test_the_secret_of_a_link_is_stored_only_as_a_hash(desk: Desk) -> None:
    person = await desk.person()
    token = await _asked(desk, person)
    stored = await desk.value(
        person.tenant_id, "SELECT string_agg(r::text, ' ') FROM crm.password_resets r"
    )
    assert stored
    assert token not in str(stored)
    assert token.encode().hex() not in str(stored)


# Changed


async def test_a_changed_password_ends_the_other_sessions(desk: Desk) -> None:
    person = await desk.person()
    other, here = [await desk.sign_in(person.email) for _ in range(2)]
    token = await _asked(desk, person)
    await _change(desk, here)
    assert await desk.refresh(here.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(other.refresh_token)
    assert await desk.ended(person.tenant_id) == [other.session_id]
    with pytest.raises(ResetTokenInvalid):
        await _reset(desk, token)
    with pytest.raises(CredentialsInvalid):
        await desk.sign_in(person.email, PASSWORD)
    assert await desk.sign_in(person.email, NEW)


async def test_a_password_is_not_changed_without_the_old_one_or_to_a_weak_one(desk: Desk) -> None:
    person = await desk.person()
    session, other = [await desk.sign_in(person.email) for _ in range(2)]
    with pytest.raises(CredentialsInvalid):
        await _change(desk, session, old="wrong wrong")
    with pytest.raises(PasswordTooWeak):
        await _change(desk, session, new=person.email)
    assert await desk.sign_in(person.email, PASSWORD)
    assert await desk.refresh(other.refresh_token)


async def test_two_changes_at_once_have_one_effect(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    outcomes = await asyncio.gather(
        *(_change(desk.another(), session, new=f"new password {n}") for n in range(3)),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, CredentialsInvalid) for outcome in outcomes) == 2


async def test_a_password_is_set_and_changed_in_turn(desk: Desk) -> None:
    person = await desk.person()
    session, token = await desk.sign_in(person.email), await _asked(desk, person)
    for turns in (
        desk.passwords.working_on(person.email),
        desk.passwords.working_on("a", "b", "c", "d", address=HOME),
    ):
        with turns:
            with pytest.raises(PasswordsBusy):
                await _change(desk, session)
            with pytest.raises(PasswordsBusy):
                await _reset(desk, token)
    await _reset(desk, token)


async def _ask(desk: Desk, email: str, *, address: str = "") -> TooManyAttempts | None:
    """Ask for a link; why not, if not."""
    try:
        await request_password_reset(
            public_call(desk.database, address=address),
            RequestPasswordResetRequest(email=email),
            guessing=desk.guessing,
            mails=desk.mails,
            settings=desk.settings,
            clock=desk.clock,
        )
    except TooManyAttempts as error:
        return error
    return None


async def _asked(desk: Desk, person: Person) -> str:
    """The secret of a link somebody was sent."""
    assert await _ask(desk, person.email) is None
    return (await desk.letters(person, "password_reset"))[-1]["secret"]


async def _reset(desk: Desk, token: str, password: str = NEW) -> None:
    await reset_password(
        public_call(desk.database, address=HOME),
        ResetPasswordRequest(token=token, new_password=password),
        guessing=desk.guessing,
        passwords=desk.passwords,
        mails=desk.mails,
        clock=desk.clock,
    )


async def _change(desk: Desk, session: Session, *, old: str = PASSWORD, new: str = NEW) -> None:
    await change_password(
        desk.call(session),
        ChangePasswordRequest(password=old, new_password=new),
        guessing=desk.guessing,
        passwords=desk.passwords,
        mails=desk.mails,
        clock=desk.clock,
    )
