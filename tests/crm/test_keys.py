"""API keys: their form, and what is no key."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.crm.api_keys.keys import new_key, read_key


def test_a_key_reads_back_and_its_secret_is_only_a_hash() -> None:
    key = new_key()
    secret = key.text.split("_")[2]
    assert read_key(key.text) == (key.id, key.secret_hash)
    assert key.secret_hash == hashlib.sha256(secret.encode()).digest()
    assert len(secret) == 43


def test_keys_never_repeat() -> None:
    assert len({new_key().text for _ in range(500)}) == 500


@given(st.text(max_size=120))
def test_noise_is_no_key(text: str) -> None:
    assert read_key(text) is None


@pytest.mark.parametrize("position", [0, 7, 20, 45, 60, -1])
def test_a_typing_error_is_seen_without_asking(position: int) -> None:
    text = new_key().text
    wrong = "0" if text[position] != "0" else "1"
    changed = text[:position] + wrong + (text[position + 1 :] if position != -1 else "")
    assert read_key(changed) is None
