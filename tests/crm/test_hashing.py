"""Passwords: what they must be, how they are stored, and whose turn it is."""

from __future__ import annotations

import asyncio
import string
import threading
from collections.abc import Iterator

import pytest
from argon2 import PasswordHasher
from hypothesis import given
from hypothesis import strategies as st

from services.crm.passwords.frequent import FREQUENT
from services.crm.passwords.hashing import Passwords, PasswordsBusy
from services.crm.passwords.model import SHORTEST, PasswordTooWeak, require_strong, weakness
from services.crm.passwords.turns import MOST_PER_ADDRESS, place_of
from tests.crm.desk import PASSWORD

NEW = "a staple of horses"
ANA = "ana.maria.souza@example.com"


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


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("::1", "::/64"),
        ("", ""),
        ("unix:", ""),
    ],
)
def test_whom_an_address_stands_for(address: str, place: str) -> None:
    assert place_of(address) == place


# Hashing


async def test_a_password_matches_itself_and_no_other() -> None:
    passwords = Passwords(hasher=_cheap())
    stored = await passwords.hash(PASSWORD)
    for wanted, against, given_password in (
        (True, stored, PASSWORD),
        (False, stored, NEW),
        (False, "not a hash", PASSWORD),
        (False, None, "nobody's password"),
    ):
        assert await passwords.matches(against, given_password, account="", address="") is wanted


def test_what_is_stored_is_argon2id() -> None:
    assert PasswordHasher().hash("x").startswith("$argon2id$")
    assert Passwords(hasher=_cheap()).is_outdated(PasswordHasher(time_cost=4).hash("x"))


async def test_above_its_queue_it_refuses_at_once_and_then_goes_on(hasher: HeldHasher) -> None:
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=2)
    hasher.hold()
    waiting = [asyncio.create_task(_check(passwords, str(n))) for n in range(3)]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy) as refused:
        await asyncio.wait_for(_check(passwords, "one too many"), 10)
    assert refused.value.retry_after == 1
    hasher.let_go()
    assert await asyncio.gather(*waiting) == [True, True, True]
    assert await _check(passwords, "x")


async def test_one_account_has_one_password_checked_at_a_time(hasher: HeldHasher) -> None:
    """Or whoever has one, and knows its password, could keep everybody else out."""
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=8)
    hasher.hold()
    first = asyncio.create_task(_check(passwords, "ana"))
    await asyncio.sleep(0)
    for address in ("203.0.113.1", "203.0.113.2", ""):
        with pytest.raises(PasswordsBusy) as refused:
            await asyncio.wait_for(_check(passwords, "ana", address=address), 10)
        assert refused.value.retry_after == 1
        with pytest.raises(PasswordsBusy):
            await asyncio.wait_for(passwords.hash(NEW, account="ana", address=address), 10)
    others = [asyncio.create_task(_check(passwords, name)) for name in ("rui", "eva")]
    hasher.let_go()
    assert await asyncio.gather(first, *others) == [True] * 3
    assert await _check(passwords, "ana"), "its turn comes again"


async def test_one_address_takes_few_of_the_places(hasher: HeldHasher) -> None:
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=32)
    hasher.hold()
    home = [f"2001:db8:0:1::{number:x}" for number in range(MOST_PER_ADDRESS + 1)]
    taken = [
        asyncio.create_task(_check(passwords, f"account {number}", address=home[number]))
        for number in range(MOST_PER_ADDRESS)
    ]
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await asyncio.wait_for(_check(passwords, "one too many", address=home[-1]), 10)
    elsewhere = [
        asyncio.create_task(_check(passwords, f"other {number}", address=address))
        for number, address in enumerate(["2001:db8:0:2::1", "203.0.113.1", "", "", "", "", ""])
    ]
    hasher.let_go()
    assert all(await asyncio.gather(*taken, *elsewhere))
    assert await _check(passwords, "one too many", address=home[-1])


async def test_who_is_refused_takes_nobodys_place(hasher: HeldHasher) -> None:
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=1)
    hasher.hold()
    first = asyncio.create_task(_check(passwords, "ana", address="203.0.113.1"))
    await asyncio.sleep(0)
    for _ in range(10):
        with pytest.raises(PasswordsBusy):
            await asyncio.wait_for(_check(passwords, "ana", address="203.0.113.2"), 10)
    second = asyncio.create_task(_check(passwords, "rui", address="203.0.113.2"))
    hasher.let_go()
    assert all(await asyncio.gather(first, second))


async def test_a_call_that_was_given_up_frees_its_place_in_the_queue(hasher: HeldHasher) -> None:
    passwords = Passwords(hasher=hasher, threads=1, most_waiting=1)
    hasher.hold()
    running = asyncio.create_task(_check(passwords, "x"))
    await asyncio.to_thread(hasher.begun.wait)
    queued = asyncio.create_task(_check(passwords, "y"))
    await asyncio.sleep(0)
    for task in (running, queued):
        task.cancel()
    await asyncio.gather(running, queued, return_exceptions=True)
    # What runs in a thread cannot be stopped, and holds its place; what waited does not.
    another = asyncio.create_task(_check(passwords, "z"))
    await asyncio.sleep(0)
    with pytest.raises(PasswordsBusy):
        await asyncio.wait_for(_check(passwords, "one too many"), 10)
    hasher.let_go()
    assert await another
    assert await _check(passwords, "x")


async def _check(passwords: Passwords, account: str, *, address: str = "") -> bool:
    return await passwords.matches("stored", "x", account=account, address=address)


def _cheap() -> PasswordHasher:
    return PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
