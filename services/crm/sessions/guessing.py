"""How often somebody guessed: counted in PostgreSQL, so that every replica counts together.

A guess is counted before it is checked, in a commit of its own: many at once cannot slip past, and
a process that dies keeps the count. What turns out to be none is taken back. Counted are the
account, whether there is one or not, and the address. Somebody who signed in before from the same
address has a count of their own there: guesses from elsewhere do not hold them up.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime

from services.crm.passwords.turns import place_of
from services.crm.sessions.model import (
    FORGET_GUESSES,
    LINKS_A_DAY,
    CredentialsInvalid,
    Guesses,
    TooManyAttempts,
)
from services.crm.settings import CrmSettings
from services.kit.clock import Clock
from services.kit.db import Database, Transaction
from services.kit.errors import AppError
from services.kit.outbox import Stamp
from services.kit.sql import load_sql

sql = load_sql(__package__, "guessing.sql")

_NOBODY = Stamp("", "", "", "")
_KEY_CONTEXT = b"malha.crm.sign_in_attempts"
_SIGN_IN, _LINK = "sign_in", "reset"
FORGET_AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Subjects:
    """What one guess is counted for: keyed hashes, None of an address that is not known."""

    account: bytes
    address: bytes | None
    account_here: bytes | None
    """The account at this address; counted in place of the account once they signed in here."""
    of: str = _SIGN_IN
    """What is guessed, or asked for: each is counted apart."""
    known_too: bytes | None = None
    """Known once they signed in here as well: this address asking for a link to the account."""

    def all(self) -> list[bytes]:
        """In the order in which they are locked."""
        return [one for one in (self.account, self.address, self.account_here) if one]


class Guessing:
    """Holds up whoever guesses."""

    def __init__(
        self, database: Database, clock: Clock, settings: CrmSettings, secret: bytes
    ) -> None:
        self._database = database
        self._clock = clock
        self._settings = settings
        self._key = hashlib.sha256(_KEY_CONTEXT + secret).digest()

    @asynccontextmanager
    async def attempt(
        self,
        email: str,
        address: str,
        *,
        of: str = _SIGN_IN,
        wrong: type[AppError] = CredentialsInvalid,
    ) -> AsyncIterator[Attempt]:
        """One guess. It stays counted when `wrong` is raised, or nobody knows how it ended.

        Raises TooManyAttempts, before anything is checked.
        """
        subjects = self._subjects(of, email, address)
        counted = await self._claim(subjects)
        try:
            yield Attempt(self, subjects)
        except wrong:
            raise
        except AppError:
            with suppress(AppError):
                await self._take_back(counted)
            raise

    def asking(self, email: str, address: str) -> AbstractAsyncContextManager[Attempt]:
        """Asking for a link, counted like a guess that is never right: so many are free a day.

        Raises TooManyAttempts, whether there is such an account or not.
        """
        return self.attempt(email, address, of=_LINK)

    async def forgive(self, tx: Transaction, email: str, address: str) -> None:
        """Somebody proved who they are: forget the account's count, and know the address."""
        await self._forgive(tx, self._subjects(_SIGN_IN, email, address), counted=False)

    async def forget_old(self) -> int:
        """Delete counts nobody needs any more, a few at a time: no lock is held for long."""
        forgotten, now = 0, self._clock.now()
        while True:
            async with self._database.transaction(_NOBODY) as tx:
                deleted = await tx.run(sql.forget_old_attempts, now, FORGET_AT_ONCE)
            forgotten += deleted
            if deleted < FORGET_AT_ONCE:
                return forgotten

    async def _claim(self, subjects: Subjects) -> list[bytes]:
        """The subjects it was counted for. Raises TooManyAttempts."""
        now = self._clock.now()
        async with self._database.transaction(_NOBODY) as tx:
            # Whoever has to wait is told before anything is locked: a flood queues up nowhere.
            _counted(subjects, await _found(tx, sql.find_attempts, subjects.all()), now)
            fresh = [one for one in (subjects.account, subjects.address) if one]
            await tx.run(sql.insert_attempts, fresh, now, now + FORGET_GUESSES)
            found = await _found(tx, sql.find_attempts, subjects.all())
            counted = _counted(subjects, found, now)
            await self._set(
                tx, {one: self._count(found[one], one, subjects, now) for one in counted}
            )
        return counted

    def _count(self, guesses: Guesses, one: bytes, subjects: Subjects, now: datetime) -> Guesses:
        settings = self._settings
        if one != subjects.address and subjects.of == _LINK:
            return guesses.count(now, LINKS_A_DAY, longest=FORGET_GUESSES, first=FORGET_GUESSES)
        free = settings.guesses_per_address if one == subjects.address else settings.guesses
        return guesses.count(now, free, settings.longest_guess_wait)

    async def _take_back(self, counted: Sequence[bytes]) -> None:
        now = self._clock.now()
        async with self._database.transaction(_NOBODY) as tx:
            found = await _found(tx, sql.lock_attempts, counted)
            await self._set(tx, {one: guesses.take_back(now) for one, guesses in found.items()})

    async def _forgive(self, tx: Transaction, subjects: Subjects, *, counted: bool) -> None:
        now = self._clock.now()
        found = await _found(tx, sql.lock_attempts, subjects.all())
        counts = {}
        if subjects.account in found:
            counts[subjects.account] = Guesses(0, now, now)
        if counted and subjects.address in found:
            # Only this one: others may be guessing from there.
            counts[subjects.address] = found[subjects.address].take_back(now)
        await self._set(tx, counts)
        known = [one for one in (subjects.account_here, subjects.known_too) if one]
        if known:
            await tx.run(sql.know_address, known, now, now + self._settings.known_address_time)

    async def _set(self, tx: Transaction, counts: Mapping[bytes, Guesses]) -> None:
        values = counts.values()
        await tx.run(
            sql.set_attempts,
            list(counts),
            [guesses.failures for guesses in values],
            [guesses.attempt_time for guesses in values],
            [guesses.next_time for guesses in values],
            self._clock.now() + FORGET_GUESSES,
        )

    def _subjects(self, of: str, email: str, address: str) -> Subjects:
        place = place_of(address)
        knows_links = place and of == _SIGN_IN
        return Subjects(
            of=of,
            known_too=self._hash(_LINK, "account_here", email, place) if knows_links else None,
            account=self._hash(of, "account", email),
            address=self._hash(of, "address", place) if place else None,
            account_here=self._hash(of, "account_here", email, place) if place else None,
        )

    def _hash(self, *parts: str) -> bytes:
        # Keyed: there are few addresses, and whoever reads the table could try them all.
        return hmac.digest(self._key, "\0".join(parts).encode(), "sha256")


@dataclass(frozen=True, slots=True)
class Attempt:
    """A guess that is counted as wrong until it succeeds."""

    _guessing: Guessing
    _subjects: Subjects

    async def succeed(self, tx: Transaction) -> None:
        """It was right: with this commit the account's count is forgotten, the address known."""
        await self._guessing._forgive(tx, self._subjects, counted=True)


def _counted(subjects: Subjects, found: Mapping[bytes, Guesses], now: datetime) -> list[bytes]:
    """The subjects a guess counts for. Raises TooManyAttempts while one of them has to wait."""
    here = subjects.account_here
    account = here if here in found else subjects.account
    counted = [one for one in (account, subjects.address) if one]
    free_at = max((found[one].next_time for one in counted if one in found), default=now)
    if free_at > now:
        raise TooManyAttempts(retry_after=(free_at - now).total_seconds())
    return counted


async def _found(tx: Transaction, query: str, subjects: Sequence[bytes]) -> dict[bytes, Guesses]:
    return {
        row["subject_hash"]: Guesses(row["failures"], row["attempt_time"], row["next_time"])
        for row in await tx.all(query, subjects)
    }
