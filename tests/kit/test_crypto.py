"""Secrets at rest: they open where they were sealed, and nowhere else."""

from __future__ import annotations

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from services.kit.crypto import SealBroken, Sealer


def _key() -> SecretStr:
    return SecretStr(base64.b64encode(os.urandom(32)).decode())


OLD, NEW = _key(), _key()
SEALER = Sealer([OLD])


@given(st.binary(max_size=300), st.text(max_size=40))
def test_what_is_sealed_opens_in_its_place(plain: bytes, context: str) -> None:
    sealed = SEALER.seal(plain, context)
    assert SEALER.open(sealed, context) == plain
    assert sealed != SEALER.seal(plain, context)


def test_a_value_moved_to_another_row_does_not_open() -> None:
    sealed = SEALER.seal(b"app secret", "tenant-a/connection-1")
    for elsewhere in ("tenant-b/connection-1", "tenant-a/connection-2", ""):
        with pytest.raises(SealBroken):
            SEALER.open(sealed, elsewhere)


@given(st.integers(0, 42), st.integers(1, 255))
def test_a_changed_value_does_not_open(position: int, change: int) -> None:
    sealed = bytearray(SEALER.seal(b"app secret", "here"))
    sealed[position] ^= change
    with pytest.raises(SealBroken):
        SEALER.open(bytes(sealed), "here")


@given(st.integers(0, 42))
def test_a_value_cut_short_does_not_open(length: int) -> None:
    with pytest.raises(SealBroken):
        SEALER.open(SEALER.seal(b"app secret", "here")[:length], "here")


def test_keys_rotate() -> None:
    sealed = SEALER.seal(b"app secret", "here")
    both = Sealer([NEW, OLD])
    assert both.open(sealed, "here") == b"app secret"
    again = both.seal(b"app secret", "here")
    assert Sealer([NEW]).open(again, "here") == b"app secret"
    with pytest.raises(SealBroken):
        Sealer([NEW]).open(sealed, "here")
