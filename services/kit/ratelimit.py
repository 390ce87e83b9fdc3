"""How much a tenant may do in a minute, counted in Valkey for all processes together."""

from __future__ import annotations

import redis.asyncio as redis
from redis.exceptions import RedisError

from services.kit.log import get_logger

log = get_logger(__name__)

# A bucket that holds a minute's worth and fills evenly. Valkey's own clock: the processes' differ.
_TAKE = """
local most, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local bucket = redis.call('HMGET', KEYS[1], 'left', 'then')
local left = tonumber(bucket[1]) or most
local passed = math.max(0, now - (tonumber(bucket[2]) or now))
left = math.min(most, left + passed * most / 60000)
local granted = math.min(want, math.floor(left))
redis.call('HSET', KEYS[1], 'left', left - granted, 'then', now)
redis.call('PEXPIRE', KEYS[1], 61000)
return granted
"""


class RateLimiter:
    """`rate_limit:{tenant_id}`. When Valkey does not answer, nobody is limited."""

    def __init__(self, client: redis.Redis) -> None:
        self._take = client.register_script(_TAKE)

    async def take(self, tenant_id: str, count: int, per_minute: int) -> int:
        """How many of `count` are allowed now, of `per_minute` that the tenant may have."""
        try:
            granted = await self._take(keys=[f"rate_limit:{tenant_id}"], args=[per_minute, count])
        except (RedisError, OSError):
            log.warning("rate limit not counted", count=count)
            return count
        return int(granted)
