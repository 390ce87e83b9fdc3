"""Valkey as a cache: keys begin with the tenant, values end by themselves.

A cache can be lost at any moment. When Valkey does not answer, reads miss and writes are dropped.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TypeVar

import redis.asyncio as redis
from google.protobuf.message import DecodeError, Message
from redis.exceptions import RedisError

from services.kit.log import get_logger
from services.kit.telemetry import cache_reads

M = TypeVar("M", bound=Message)

log = get_logger(__name__)


def tenant_key(tenant_id: str, name: str) -> str:
    """Where a tenant's value lives: nothing of one tenant can be reached by another's key."""
    return f"t:{tenant_id}:{name}"


class Cache:
    """Values of a tenant by name, e.g. `assistant:{id}:knowledge`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client

    async def get(self, tenant_id: str, name: str) -> bytes | None:
        """The value, or None when it is not there (any more)."""
        try:
            found = await self._client.get(tenant_key(tenant_id, name))
        except (RedisError, OSError):
            cache_reads.labels("error").inc()
            return None
        cache_reads.labels("miss" if found is None else "hit").inc()
        return found.encode() if isinstance(found, str) else found

    async def put(self, tenant_id: str, name: str, value: bytes, ttl: timedelta) -> None:
        """Keep a value for `ttl`."""
        try:
            await self._client.set(tenant_key(tenant_id, name), value, ex=ttl)
        except (RedisError, OSError):
            log.warning("cache write dropped", key=name.partition(":")[0])

    async def drop(self, tenant_id: str, *names: str) -> None:
        """Forget values, because what they were made from has changed."""
        try:
            await self._client.unlink(*(tenant_key(tenant_id, name) for name in names))
        except (RedisError, OSError):
            log.warning("cache drop failed", keys=len(names))

    async def get_message(self, tenant_id: str, name: str, kind: type[M]) -> M | None:
        """A message kept with put_message; None when absent or of an older shape."""
        value = await self.get(tenant_id, name)
        try:
            return None if value is None else kind.FromString(value)
        except DecodeError:
            return None

    async def put_message(
        self, tenant_id: str, name: str, message: Message, ttl: timedelta
    ) -> None:
        """Keep a message for `ttl`."""
        await self.put(tenant_id, name, message.SerializeToString(), ttl)
