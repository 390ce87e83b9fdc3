"""Rules of signing in: who may, how long sessions last, and how long a guess has to wait."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, auto

from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, TENANT_STATUS_DELETED

from services.kit.auth import TenantDeleted, TenantSuspended
from services.kit.errors import NotFound, ResourceExhausted, Unauthenticated

FORGET_GUESSES = timedelta(hours=24)
"""Guesses are forgotten once nobody has guessed for this long."""


LINKS_A_DAY = 5
"""Links for a new password that are sent to one account: nobody's mailbox is flooded."""


class CredentialsInvalid(Unauthenticated):
    """The e-mail address, the password or the code is wrong."""


class SecondFactorRequired(Unauthenticated):
    """The password is right: send it again with a code of the authenticator."""


class RefreshTokenInvalid(Unauthenticated):
    """The refresh token is not valid: sign in again."""


class SessionNotFound(NotFound):
    """You have no session with the id {id}."""


class TooManyAttempts(ResourceExhausted):
    """Too many wrong attempts; try again later."""


def require_served(tenant_status: int, role: str) -> None:
    """Raise unless people of this role may sign in to a tenant of this status.

    The owners of a deleted tenant may, to restore it.
    """
    if tenant_status == TENANT_STATUS_ACTIVE:
        return
    if tenant_status != TENANT_STATUS_DELETED:
        raise TenantSuspended
    if role != "owner":
        raise TenantDeleted


def session_end(begin: datetime, now: datetime, unused: timedelta, longest: timedelta) -> datetime:
    """When a session ends whose tokens are traded now: each trade prolongs it, up to a limit."""
    return min(now + unused, begin + longest)


class Showing(Enum):
    """What showing a refresh token means."""

    FIRST = auto()
    """It is traded for a new pair."""
    REPEATED = auto()
    """Its client lost the answer and asks again: it gets the same one."""
    REUSED = auto()
    """Two have it, so one has stolen it: the session ends."""
    OVER = auto()
    """Its session has ended."""


def showing(
    *,
    now: datetime,
    session_over: bool,
    use_time: datetime | None,
    answer_kept: bool,
    retry_time: timedelta,
) -> Showing:
    """What it means to show a refresh token that we made."""
    if session_over:
        return Showing.OVER
    if use_time is None:
        return Showing.FIRST
    return Showing.REPEATED if answer_kept and now - use_time <= retry_time else Showing.REUSED


@dataclass(frozen=True, slots=True)
class Guesses:
    """How often one account, or one address, was guessed at, and when it may be again."""

    failures: int
    attempt_time: datetime
    next_time: datetime

    def count(
        self, now: datetime, free: int, longest: timedelta, first: timedelta = timedelta(seconds=1)
    ) -> Guesses:
        """One guess more. It counts as wrong from its beginning, or many at once would slip past.

        The free ones do not wait; from then on the wait doubles, beginning with the first.
        """
        forgotten = now - self.attempt_time >= FORGET_GUESSES
        failures = 1 if forgotten else self.failures + 1
        return Guesses(failures, now, now + wait_after(failures, free, longest, first))

    def take_back(self, now: datetime) -> Guesses:
        """The last guess was none."""
        return Guesses(max(0, self.failures - 1), self.attempt_time, now)


def wait_after(
    failures: int, free: int, longest: timedelta, first: timedelta = timedelta(seconds=1)
) -> timedelta:
    """How long the next guess has to wait after so many wrong ones."""
    if failures < free:
        return timedelta(0)
    # 2 ** 20 seconds are twelve days, longer than any limit; a larger power would overflow.
    doubled: timedelta = first * 2 ** min(failures - free, 20)
    return min(doubled, longest)
