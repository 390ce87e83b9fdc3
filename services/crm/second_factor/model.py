"""Codes of an authenticator (TOTP, RFC 6238), and codes for a lost one."""

from __future__ import annotations

import hashlib
import secrets
from datetime import datetime

import pyotp

from services.kit.errors import FailedPrecondition

ISSUER = "Malha"
RECOVERY_CODES = 10
DRIFT = 1
"""Time steps of 30 seconds by which an authenticator may be off, each way."""

# Without the letters and digits that are taken for one another.
_ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
_GROUPS, _GROUP = 4, 5


class SecondFactorAlreadyOn(FailedPrecondition):
    """The second factor is on already; remove it first."""


class SecondFactorNotBegun(FailedPrecondition):
    """There is no secret to confirm: begin first."""


class CodeInvalid(FailedPrecondition):
    """The code is wrong, or was used before."""


def new_secret() -> str:
    """A secret for an authenticator: 160 bits in base32."""
    return pyotp.random_base32()


def uri_of(secret: str, email: str) -> str:
    """What an authenticator reads from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=ISSUER)


def step_of(secret: str, code: str, now: datetime, after: int) -> int | None:
    """The time step later than `after` whose code this is; None when it is none's.

    Codes that are not later were used, or could have been: each works once.
    """
    totp = pyotp.TOTP(secret)
    current = int(now.timestamp()) // totp.interval
    given = _compact(code).encode()
    found = None
    for step in range(current - DRIFT, current + DRIFT + 1):
        # Every step is compared, so that the time it takes says nothing.
        if secrets.compare_digest(given, totp.generate_otp(step).encode()) and step > after:
            found = step
    return found


def new_recovery_codes() -> list[str]:
    """Codes for a lost authenticator, of 99 bits each, to be written down."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def recovery_hash(code: str) -> bytes:
    """What is stored of a recovery code, however it was typed: at 99 bits a fast hash is enough."""
    return hashlib.sha256(_compact(code).replace("-", "").upper().encode()).digest()


def _recovery_code() -> str:
    groups = ("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def _compact(code: str) -> str:
    return "".join(code.split())
