"""The cache on a real Valkey: tenants apart, values that end, and no harm when it is gone."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import redis.asyncio as redis
from malha.crm.v1.tenant_pb2 import Tenant

from services.kit.cache import Cache
from services.kit.ids import new_id
from services.kit.ratelimit import RateLimiter
from tests.conftest import TestTenant

HOUR = timedelta(hours=1)


@pytest.fixture
def cache(valkey: redis.Redis) -> Cache:
    return Cache(valkey)


async def test_a_tenant_reads_only_its_own(cache: Cache, tenant: TestTenant) -> None:
    await cache.put(tenant.id, "config", b"mine", HOUR)
    assert await cache.get(tenant.id, "config") == b"mine"
    assert await cache.get(new_id(), "config") is None
    await cache.drop(new_id(), "config")
    assert await cache.get(tenant.id, "config") == b"mine"
    await cache.drop(tenant.id, "config", "never there")
    assert await cache.get(tenant.id, "config") is None


async def test_a_value_ends_by_itself(
    cache: Cache, valkey: redis.Redis, tenant: TestTenant
) -> None:
    await cache.put(tenant.id, "config", b"mine", HOUR)
    assert 3590 < await valkey.ttl(f"t:{tenant.id}:config") <= 3600


async def test_a_message_of_an_older_shape_is_a_miss(cache: Cache, tenant: TestTenant) -> None:
    message = Tenant(id=tenant.id, name="Aurora")
    await cache.put_message(tenant.id, "config", message, HOUR)
    assert await cache.get_message(tenant.id, "config", Tenant) == message
    await cache.put(tenant.id, "config", b"\xff\xff\xff", HOUR)
    assert await cache.get_message(tenant.id, "config", Tenant) is None


async def test_without_valkey_reads_miss_and_writes_are_dropped(
    tmp_path: Path, tenant: TestTenant
) -> None:
    client = redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    cache = Cache(client)
    await cache.put(tenant.id, "config", b"mine", HOUR)
    assert await cache.get(tenant.id, "config") is None
    await cache.drop(tenant.id, "config")
    assert await RateLimiter(client).take(tenant.id, 7, 1) == 7
    await client.aclose()
