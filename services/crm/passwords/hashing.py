"""Passwords: argon2id, in threads of its own since a hash takes tens of milliseconds on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from services.crm.passwords.turns import Turns
from services.kit.errors import Unavailable

R = TypeVar("R")

_THREADS = 2
_MOST_WAITING = 32


class PasswordsBusy(Unavailable):
    """Too many passwords are being checked; try again in a moment."""


class Passwords:
    """Hashes and checks with the memory and time of RFC 9106's second recommendation.

    With one lane: libargon2 starts a thread for each, so the recommended four would make our two
    threads eight. The queue is short: whoever floods it is refused at once, and nothing else of the
    process waits for it. An account has one turn at a time and an address a few, so that nobody
    fills the queue alone: whose turn it is, callers on behalf of strangers say with every password.
    """

    def __init__(
        self,
        *,
        hasher: PasswordHasher | None = None,
        threads: int = _THREADS,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._hasher = hasher or PasswordHasher(parallelism=1)
        self._nobody = self._hasher.hash("nobody's password")
        self._executor = ThreadPoolExecutor(threads, thread_name_prefix="argon2")
        self._turns = Turns(threads + most_waiting)

    async def hash(self, password: str, *, account: str = "", address: str = "") -> str:
        """What is stored of a password. Raises PasswordsBusy."""
        return await self._run(lambda: self._hasher.hash(password), account, address)

    async def matches(
        self, stored: str | None, password: str, *, account: str, address: str
    ) -> bool:
        """Whether the password is the stored one; takes as long when there is none stored.

        Raises PasswordsBusy.
        """
        right = await self._run(
            lambda: self._verify(stored or self._nobody, password), account, address
        )
        return right and bool(stored)

    def is_outdated(self, stored: str) -> bool:
        """Whether the password should be hashed anew, since the parameters have changed."""
        return self._hasher.check_needs_rehash(stored)

    def close(self) -> None:
        self._executor.shutdown(wait=False, cancel_futures=True)

    async def _run(self, work: Callable[[], R], account: str, address: str) -> R:
        turn = self._turns.of(account, address)
        if not self._turns.take(turn):
            raise PasswordsBusy(retry_after=1)
        try:
            future = self._executor.submit(work)
        except BaseException:
            self._turns.give_back(turn)
            raise
        # When the thread is done, not when the caller is: a call that gave up still holds its turn
        # while it is being worked on.
        future.add_done_callback(lambda _: self._turns.give_back(turn))
        return await asyncio.wrap_future(future)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False
