"""Calls that need no identity are limited by where they come from."""

from __future__ import annotations

import secrets

import pytest
import redis.asyncio as redis

from services.kit.auth import Authenticator, Signer
from services.kit.networks import place_of
from services.kit.peers import Peers
from services.kit.ratelimit import RateLimiter
from services.kit.rpc import Pipeline, TooManyFromHere
from tests.kit.test_auth import KEYS, PUBLIC, Directory


def _pipeline(valkey: redis.Redis, per_minute: int) -> Pipeline:
    return Pipeline(
        Authenticator(PUBLIC, Directory()),
        None,
        Peers({}, Signer("crm", KEYS["crm"][0])),
        RateLimiter(valkey),
        None,
        per_minute,
    )


def _network() -> str:
    """The first half of an IPv6 address that nobody else uses."""
    return f"2001:db8:{secrets.token_hex(2)}:{secrets.token_hex(2)}"


async def test_a_place_has_its_limit_over_all_processes(valkey: redis.Redis) -> None:
    here, there = _network(), _network()
    first, second = _pipeline(valkey, 2), _pipeline(valkey, 2)
    told: list[tuple[str, str]] = []
    await first._admit_stranger(f"{here}::1", told)
    await second._admit_stranger(f"{here}::2", told)
    for pipeline in (first, second):
        with pytest.raises(TooManyFromHere) as refused:
            await pipeline._admit_stranger(f"{here}::3", told)
        assert refused.value.retry_after is not None
        await pipeline._admit_stranger(f"{there}::1", told)
    assert ("ratelimit-limit", "2") in told


async def test_no_limit_and_no_address_admit(valkey: redis.Redis) -> None:
    for pipeline, address in (
        (_pipeline(valkey, 0), f"{_network()}::1"),
        (_pipeline(valkey, 1), ""),
    ):
        for _ in range(3):
            await pipeline._admit_stranger(address, [])


def test_a_place_says_no_address() -> None:
    assert place_of("2001:db8::1") == place_of("2001:db8::ffff") != place_of("2001:db8:0:1::1")
    assert place_of("192.0.2.1") != place_of("192.0.2.2")
    assert "192" not in place_of("192.0.2.1")
