"""Passwords: what they must be, how they are checked, forgotten and changed."""

from __future__ import annotations

import asyncio
import string
import threading
from collections.abc import Awaitable, Callable, Iterator

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st
from malha.crm.v1.password_service_pb2 import (
    ChangePasswordRequest,
    RequestPasswordResetRequest,
    ResetPasswordRequest,
)
from malha.crm.v1.session_pb2 import Session

from services.crm.passwords.commands import (
    change_password,
    request_password_reset,
    reset_password,
)
from services.crm.passwords.frequent import FREQUENT
from services.crm.passwords.hashing import Passwords, PasswordsBusy
from services.crm.passwords.model import (
    SHORTEST,
    PasswordTooWeak,
    ResetTokenInvalid,
    require_strong,
    weakness,
)
from services.crm.sessions.model import CredentialsInvalid, RefreshTokenInvalid, TooManyAttempts
from services.crm.sessions.tokens import REFRESH, RESET, new_token
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.testing import public_call
from tests.crm.desk import HOME, PASSWORD, Desk, Person

NEW = "a staple of horses"
ANA = "ana.maria.souza@example.com"


@pytest.fixture
async def desk(databases: Callable[[str], Awaitable[Database]], infra: Infra) -> Desk:
    return Desk(await databases("crm"), infra)


class HeldHasher(PasswordHasher):
    """Finds every password right, and can be held."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.begun = threading.Event()
        self._go_on = threading.Event()
        self._go_on.set()

    def hold(self) -> None:
        self._go_on.clear()

    def let_go(self) -> None:
        self._go_on.set()

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.begun.set()
        self._go_on.wait()
        return True


@pytest.fixture
def hasher() -> Iterator[HeldHasher]:
    hasher = HeldHasher()
    yield hasher
    hasher.let_go()


# Rules


@pytest.mark.parametrize(
    ("password", "weak"),
    [
        ("correct horse battery", False),
        ("ç" * 3 + "ãéíõú" * 2, False),
        ("short one", True),
        ("", True),
        (ANA, True),
        (f" {ANA.upper()} ", True),
        ("ana.maria.souza", True),
        ("Ana.Maria.Souza", True),
        ("ana.maria.souza.77", False),
        ("qwertyuiop", True),
        ("Senha12345", True),
        ("FLAMENGO1981", True),
        ("aaaaaaaaaaaaaaa", True),
        ("ababababababab", True),
    ],
)
def test_what_a_password_must_not_be(password: str, weak: bool) -> None:
    assert bool(weakness(password, ANA)) is weak


@given(password=st.text(string.ascii_letters + string.digits, min_size=SHORTEST))
def test_a_long_password_nobody_else_has_is_one(password: str) -> None:
    plain = password.casefold()
    expected = plain in FREQUENT or len(set(plain)) < 3
    assert bool(weakness(password, ANA)) is expected


@given(password=st.text(max_size=SHORTEST - 1))
def test_a_short_one_never_is(password: str) -> None:
    assert weakness(password, ANA)


def test_every_frequent_password_is_long_enough_to_be_on_the_list() -> None:
    assert len(FREQUENT) > 100
    assert all(len(one) >= SHORTEST and one == one.casefold() for one in FREQUENT)


def test_a_weak_password_names_the_field_and_does_not_repeat_it() -> None:
    with pytest.raises(PasswordTooWeak) as refused:
        require_strong("qwertyuiop", ANA, field="new_password")
    assert [field for field, _ in refused.value.violations()] == ["new_password"]
    assert "qwertyuiop" not in refused.value.message


# Hashing


async def test_a_password_matches_itself_and_no_other() -> None:
    passwords = Passwords(hasher=_cheap())
    stored = await passwords.hash(PASSWORD)
    assert await passwords.matches(stored, PASSWORD)
    assert not await passwords.matches(stored, NEW)
    assert not await passwords.matches("not a hash", PASSWORD)
    assert not await passwords.matches(None, "nobody's password")


def test_what_is_stored_is_argon2id() -> None:
    assert PasswordHasher().hash("x").startswith("$argon2id$")
    assert Passwords(hasher=_cheap()).is_outdated(PasswordHasher(time_cost=4).hash("x"))


async def test_above_its_queue_it_refuses_at_once_and_then_goes_on(hasher: HeldHasher) -> None:
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=2)
    hasher.hold()
    waiting = [asyncio.create_task(passwords.matches("stored", str(n))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy) as refused:
        await asyncio.wait_for(passwords.matches("stored", "one too many"), 10)
    assert refused.value.retry_after == 1
    hasher.let_go()
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert await passwords.matches("stored", "x")


async def test_a_call_that_was_given_up_frees_its_place_in_the_queue(hasher: HeldHasher) -> None:
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=1)
    hasher.hold()
    running = asyncio.create_task(passwords.matches("stored", "x"))
    await asyncio.to_thread(hasher.begun.wait)
    queued = asyncio.create_task(passwords.matches("stored", "y"))
    await asyncio.sleep(0)
    for task in (running, queued):
        task.cancel()
    await asyncio.gather(running, queued, return_exceptions=True)
    # What runs in a thread cannot be stopped, and holds its place; what waited does not.
    another = asyncio.create_task(passwords.matches("stored", "z"))
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await asyncio.wait_for(passwords.matches("stored", "one too many"), 10)
    hasher.let_go()
    assert await another


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
        *(_reset(desk, token, f"new password {n}") for n in range(5)), return_exceptions=True
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
        *(_change(desk, session, new=f"new password {n}") for n in range(3)),
        return_exceptions=True,
    )
    assert sum(outcome is None for outcome in outcomes) == 1
    assert sum(isinstance(outcome, CredentialsInvalid) for outcome in outcomes) == 2


async def _ask(desk: Desk, email: str) -> TooManyAttempts | None:
    """Ask for a link; why not, if not."""
    try:
        await request_password_reset(
            public_call(desk.database, address=""),
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


def _cheap() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
