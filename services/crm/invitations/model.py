"""The rules of asking people to join."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from services.kit.errors import NotFound, ResourceExhausted, Unauthenticated

VALID_FOR = timedelta(days=7)
MOST_MAILS_A_DAY = 5
"""To one address, of one tenant: whoever does not answer is not to be pestered in our name."""


class InvitationNotFound(NotFound):
    """There is no invitation with the id {id}."""


class InvitationInvalid(Unauthenticated):
    """The invitation is not valid: it was answered, taken back, replaced, or it has expired."""


class InvitedTooOften(ResourceExhausted):
    """This address was invited {times} times within a day; try again tomorrow."""


def new_secret() -> str:
    """The secret of an invitation: 256 bits that nobody has seen."""
    return secrets.token_urlsafe(32)


def secret_hash(secret: str) -> bytes:
    """What a secret is found by. At this entropy a fast hash is enough."""
    return hashlib.sha256(secret.encode()).digest()


def normal_email(email: str) -> str:
    """An address as it is stored."""
    return email.strip().lower()
