"""How much a tenant may do in a minute, counted in Valkey for all processes together.

Webhooks have a bucket of their own that fills evenly (`take`). What is asked through the API is
counted in windows of 60 seconds that begin with a tenant's first request (`admit`, `spend`).
When Valkey does not answer, nobody is limited.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import NamedTuple

import redis.asyncio as redis
from cachetools import LRUCache
from redis.exceptions import RedisError

from services.kit.log import get_logger

log = get_logger(__name__)

WINDOW_SECONDS = 60

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
if want > 0 then
  redis.call('HSET', KEYS[1], 'left', left - granted, 'then', now)
  redis.call('PEXPIRE', KEYS[1], 61000)
end
return {granted, math.ceil(most - left)}
"""

# A window that ends 60 s after the first request in it. In its last millisecond PTTL says 0.
_SPEND = """
local most, want = tonumber(ARGV[1]), tonumber(ARGV[2])
local used = tonumber(redis.call('GET', KEYS[1])) or 0
local left = redis.call('PTTL', KEYS[1])
if left <= 0 then used, left = 0, 60000 end
local granted = math.max(0, math.min(want, most - used))
if granted > 0 then redis.call('SET', KEYS[1], used + granted, 'PX', left) end
return {granted, used + granted, left}
"""

_LEASE_SECONDS = 0.1
_TRUE_SECONDS = 1.0
_MOST_LEASES = 10_000


class Window(NamedTuple):
    """What is left of a limit."""

    granted: int
    limit: int
    remaining: int
    reset: float
    """Seconds until the window ends."""


@dataclass(slots=True)
class _Lease:
    """Requests that Valkey has counted already and this process may still admit."""

    limit: int
    left: int
    beyond: int
    """What the window held beside the lease when it was made."""
    ends: float
    made: float
    size: int
    looked: float
    """When `beyond` was true."""

    def window(self, granted: int, now: float) -> Window:
        remaining = min(self.limit, self.beyond + self.left)
        return Window(granted, self.limit, remaining, max(0.0, self.ends - now))


class RateLimiter:
    """`rate_limit:{tenant_id}` and `rate_limit:{tenant_id}:{name}`."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._take = client.register_script(_TAKE)
        self._spend = client.register_script(_SPEND)
        self._leases: LRUCache[tuple[str, str], _Lease] = LRUCache(_MOST_LEASES)
        self._leasing: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._waiting: dict[tuple[str, str], int] = {}

    async def take(self, tenant_id: str, count: int, per_minute: int) -> int:
        """How many of `count` webhooks are allowed now, of `per_minute`."""
        try:
            granted, _ = await self._take(
                keys=[f"rate_limit:{tenant_id}"], args=[per_minute, count]
            )
        except (RedisError, OSError):
            log.warning("rate limit not counted", count=count)
            return count
        return int(granted)

    async def spend(self, tenant_id: str, name: str, count: int, per_minute: int) -> Window:
        """Count in the tenant's current window; `granted` says how many were allowed."""
        try:
            granted, used, left = await self._spend(
                keys=[f"rate_limit:{tenant_id}:{name}"], args=[per_minute, count]
            )
        except (RedisError, OSError):
            log.warning("rate limit not counted", count=count)
            return Window(count, per_minute, per_minute, 0.0)
        return Window(int(granted), per_minute, max(0, per_minute - int(used)), int(left) / 1000)

    async def admit(self, tenant_id: str, name: str, per_minute: int) -> Window:
        """Count one request; `granted` is 1 or 0.

        A busy process counts some ahead, at most a hundredth of the limit, so that a request costs
        no round trip. What is counted is never given out twice: the limit holds over all processes.
        """
        key = (tenant_id, name)
        while True:
            lease = self._leases.get(key)
            now = time.monotonic()
            if lease is not None and lease.limit == per_minute and now < lease.ends:
                if lease.left and now - lease.looked < _TRUE_SECONDS:
                    lease.left -= 1
                    return lease.window(1, now)
                if not lease.size:  # The window is used up, whoever asks.
                    return lease.window(0, now)
            self._waiting[key] = self._waiting.get(key, 0) + 1
            try:
                leasing = self._leasing.get(key)
                if leasing is None:
                    leasing = asyncio.create_task(self._lease_alone(key, per_minute, lease))
                    self._leasing[key] = leasing
                await asyncio.shield(leasing)
            finally:
                self._waiting[key] -= 1
                if not self._waiting[key]:
                    del self._waiting[key]

    async def used(self, tenant_id: str, name: str, per_minute: int) -> int:
        """What of the current minute is used: of "webhooks", "requests" or "messages"."""
        try:
            if name == "webhooks":
                _, used = await self._take(keys=[f"rate_limit:{tenant_id}"], args=[per_minute, 0])
            else:
                used = await self._client.get(f"rate_limit:{tenant_id}:{name}")
        except (RedisError, OSError):
            return 0
        return min(int(used or 0), per_minute)

    async def _lease_alone(
        self, key: tuple[str, str], per_minute: int, last: _Lease | None
    ) -> None:
        try:
            await self._lease(key, per_minute, last)
        finally:
            # Here, and not once the task is done: whoever found it done, and its lease used up,
            # would wait for it without waiting, and go round for ever.
            del self._leasing[key]

    async def _lease(self, key: tuple[str, str], per_minute: int, last: _Lease | None) -> None:
        now = time.monotonic()
        if last is not None and last.left and last.limit == per_minute and now < last.ends:
            # Others have used the window meanwhile: what is left of it is told as it is now.
            window = await self.spend(*key, 0, per_minute)
            if window.reset:  # Or Valkey is away, and knows nothing new.
                last.beyond = window.remaining
            last.looked = time.monotonic()
            return
        busy = last is not None and last.size and now - last.made < _LEASE_SECONDS
        wanted = min(2 * last.size if last is not None and busy else 1, per_minute // 100)
        wanted = max(1, wanted, self._waiting.get(key, 1))
        window = await self.spend(*key, wanted, per_minute)
        if window.reset:
            self._leases[key] = _Lease(
                per_minute,
                window.granted,
                window.remaining,
                now + window.reset,
                now,
                window.granted,
                now,
            )
        else:
            # Valkey is away: nobody is limited, nor waits for it again within the next second.
            now = time.monotonic()
            self._leases[key] = _Lease(
                per_minute, max(wanted, per_minute), 0, now + 1.0, now, 1, now
            )
