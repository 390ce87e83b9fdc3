"""What a password must be."""

from __future__ import annotations

from collections.abc import Iterable

from services.crm.passwords.frequent import FREQUENT
from services.kit.errors import FailedPrecondition, Unauthenticated

SHORTEST = 10


class PasswordTooWeak(FailedPrecondition):
    """The password is too weak: {problem}."""

    def __init__(self, *, field: str, problem: str) -> None:
        self._field = field
        super().__init__(problem=problem)

    def violations(self) -> Iterable[tuple[str, str]]:
        return ((self._field, self.metadata["problem"]),)


class ResetTokenInvalid(Unauthenticated):
    """The link for a new password has expired or was used; ask for another one."""


def weakness(password: str, email: str) -> str:
    """Why this is no password for whoever has this e-mail address; '' when it is one."""
    plain = password.strip().casefold()
    address = email.strip().casefold()
    if len(password) < SHORTEST:
        return f"it must have at least {SHORTEST} characters"
    if plain in (address, address.partition("@")[0]):
        return "it must not be the e-mail address, or a part of it"
    if plain in FREQUENT or len(set(plain)) < 3:
        return "too many people use it"
    return ""


def require_strong(password: str, email: str, field: str = "password") -> None:
    """Raise PasswordTooWeak, naming the request's field, unless it is one."""
    if problem := weakness(password, email):
        raise PasswordTooWeak(field=field, problem=problem)
