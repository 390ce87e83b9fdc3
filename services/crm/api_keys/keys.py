"""API keys: malha_<id>_<secret>_<checksum>.

The id finds the key in one look-up, the secret (43 letters and digits, 256 bits) proves it, the
checksum lets a scanner tell a key from noise without asking. Only a hash is stored: at this
entropy a fast one (SHA-256) is enough.
"""

from __future__ import annotations

import hashlib
import secrets
import string
import zlib
from dataclasses import dataclass
from uuid import UUID

from services.kit.ids import new_id

PREFIX = "malha"
_ALPHABET = string.ascii_letters + string.digits
_SECRET_LENGTH = 43


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key as it is shown, once."""

    id: str
    text: str
    secret_hash: bytes

    @property
    def last_four(self) -> str:
        """The end of it, by which people tell their keys apart."""
        return self.text[-4:]


def new_key() -> NewKey:
    """A key nobody has seen."""
    key_id = new_id()
    secret = "".join(secrets.choice(_ALPHABET) for _ in range(_SECRET_LENGTH))
    body = f"{PREFIX}_{UUID(key_id).hex}_{secret}"
    return NewKey(key_id, f"{body}_{_checksum(body)}", hash_secret(secret))


def read_key(text: str) -> tuple[str, bytes] | None:
    """A key's id and the hash of its secret; None when it is no key of ours."""
    body, _, checksum = text.rpartition("_")
    parts = body.split("_")
    if len(parts) != 3 or parts[0] != PREFIX or not text.isascii():
        return None
    if not secrets.compare_digest(checksum, _checksum(body)):
        return None
    try:
        return str(UUID(hex=parts[1])), hash_secret(parts[2])
    except ValueError:
        return None


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
