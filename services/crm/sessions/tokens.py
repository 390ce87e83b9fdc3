"""Secrets people carry: refresh tokens, and what a link for a new password holds.

malha_<kind>_<64 characters>: the tenant's id and 256 random bits. The id says in which tenant to
look, so no table outside of the tenants is needed; the rest proves it. Only a SHA-256 of the whole
is stored: at this entropy a fast hash is enough.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from dataclasses import dataclass
from uuid import UUID

REFRESH = "malha_refresh_"
RESET = "malha_reset_"

_BYTES = 16 + 32
_LENGTH = _BYTES * 4 // 3


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is shown, and as it is stored."""

    text: str
    hash: bytes


def new_token(kind: str, tenant_id: str) -> Token:
    """A token nobody has seen."""
    body = base64.urlsafe_b64encode(UUID(tenant_id).bytes + secrets.token_bytes(32)).decode()
    return Token(kind + body, _hash(kind + body))


def read_token(kind: str, text: str) -> tuple[str, bytes] | None:
    """The tenant to look in and the hash to look for; None when it is no token of this kind."""
    body = text.removeprefix(kind)
    if body == text or len(body) != _LENGTH or not body.isascii():
        return None
    try:
        raw = base64.b64decode(body, altchars=b"-_", validate=True)
    except binascii.Error:
        return None
    return (str(UUID(bytes=raw[:16])), _hash(text)) if len(raw) == _BYTES else None


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()
