"""Identifiers: UUIDv7, so that they sort by creation."""

from __future__ import annotations

import os
import time
from uuid import UUID

_last = 0


def new_id() -> str:
    """A new UUIDv7 (RFC 9562, section 6.2, method 3) as text, later than every one before it.

    Its 60 bits of time are milliseconds and 4,096ths of one. A library that counts on whole
    milliseconds runs ahead of the clock above 1,000 ids a second, and after a restart new ids
    would sort before old ones.
    """
    global _last
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    _last = max(_last + 1, milliseconds << 12 | (rest << 12) // 1_000_000)
    moment, noise = f"{_last:015x}", os.urandom(8).hex()
    variant = "89ab"[int(noise[0], 16) & 3]
    return f"{moment[:8]}-{moment[8:12]}-7{moment[12:]}-{variant}{noise[1:4]}-{noise[4:]}"


def nth_id(first: str, number: int) -> str:
    """The id of the nth part of something: right behind its id in order, and always the same."""
    return str(UUID(int=UUID(first).int + number))
