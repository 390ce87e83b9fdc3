"""Secrets at rest: AES-256-GCM with a key id, so that keys can be rotated."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
from collections.abc import Sequence

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from pydantic import SecretStr


class SealBroken(Exception):
    """A sealed value cannot be opened: it was changed, moved, or its key is gone."""


class Sealer:
    """Seals with the first key, opens with any of them.

    A sealed value is version (1) | key id (4) | nonce (12) | ciphertext and tag. `context` is
    authenticated but not stored: a value copied to another row or tenant does not open there.
    """

    _VERSION = b"\x01"
    _SHORTEST = 1 + 4 + 12 + 16

    def __init__(self, keys: Sequence[SecretStr]) -> None:
        if not keys:
            raise ValueError("MALHA_ENCRYPTION_KEYS: expected at least one key of 32 bytes")
        raw = [base64.b64decode(key.get_secret_value()) for key in keys]
        self._ciphers = {hashlib.sha256(key).digest()[:4]: AESGCM(key) for key in raw}
        self._current = next(iter(self._ciphers))
        # Of the oldest key: it stays the same while keys are rotated.
        self._fingerprints = hmac.digest(raw[-1], b"fingerprints", "sha256")

    def seal(self, plain: bytes, context: str) -> bytes:
        nonce = os.urandom(12)
        sealed = self._ciphers[self._current].encrypt(nonce, plain, context.encode())
        return self._VERSION + self._current + nonce + sealed

    def fingerprint(self, plain: bytes) -> bytes:
        """What tells equal values, and tells nothing of them to who has only the store.

        A plain hash would give a password away to whoever tries enough of them.
        """
        return hmac.digest(self._fingerprints, plain, "sha256")

    def open(self, sealed: bytes, context: str) -> bytes:
        """The plain bytes. Raises SealBroken."""
        cipher = self._ciphers.get(sealed[1:5])
        if sealed[:1] != self._VERSION or cipher is None:
            raise SealBroken("sealed with an unknown key")
        if len(sealed) < self._SHORTEST:
            raise SealBroken("cut short")
        try:
            return cipher.decrypt(sealed[5:17], sealed[17:], context.encode())
        except InvalidTag:
            raise SealBroken("does not belong here, or was changed") from None
