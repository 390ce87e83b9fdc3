"""The fast side of the buffer: what waits and when it is due, in Valkey.

PostgreSQL holds the truth and a durable timer for each conversation, so everything here may be lost
at any moment: then buffers are handed on by the durable timer, a little later.
"""

from __future__ import annotations

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

import redis.asyncio as redis
from redis.exceptions import RedisError

from services.kit.cache import tenant_key
from services.kit.log import get_logger

log = get_logger(__name__)

WATCH = "conversation"
"""The durable timer of a conversation in which something waits or is open."""

_TTL = timedelta(minutes=5)
# One hash tag, so that both sets live on one node of a cluster.
_DUE = "{buffers}:due"
_LEASED = "{buffers}:leased"

# Expired leases go back first: their process died, or never heard from the database.
_CLAIM = """
local expired = redis.call('ZRANGEBYSCORE', KEYS[2], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(expired) do
  redis.call('ZREM', KEYS[2], member)
  redis.call('ZADD', KEYS[1], 'NX', ARGV[1], member)
end
local claimed = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[3])
for _, member in ipairs(claimed) do
  redis.call('ZREM', KEYS[1], member)
  redis.call('ZADD', KEYS[2], ARGV[1] + ARGV[2], member)
end
return claimed
"""


@dataclass(frozen=True, slots=True)
class Place:
    """A conversation, with what a call for it needs to know."""

    tenant_id: str
    workspace_id: str
    conversation_id: str

    @property
    def buffer(self) -> str:
        """Where the ids of the waiting messages are kept."""
        return tenant_key(self.tenant_id, f"buffer:{self.conversation_id}")

    def __str__(self) -> str:
        return f"{self.tenant_id}/{self.workspace_id}/{self.conversation_id}"

    @classmethod
    def parse(cls, text: str) -> Place:
        return cls(*text.split("/"))


@dataclass(frozen=True, slots=True)
class Buffered:
    """A message that waits, and when its buffer is due by now."""

    place: Place
    message_id: str
    due: datetime


class BufferTimers:
    """Who is due, and a copy of what waits."""

    def __init__(self, client: redis.Redis) -> None:
        self._client = client
        self._claim = client.register_script(_CLAIM)

    async def append(self, messages: Sequence[Buffered]) -> None:
        """Note messages that wait, and when their buffers are due."""
        pipe = self._client.pipeline(transaction=False)
        for message in messages:
            pipe.rpush(message.place.buffer, message.message_id)
            pipe.pexpire(message.place.buffer, _TTL)
            pipe.zadd(_DUE, {str(message.place): _milliseconds(message.due)})
        await self._hint(pipe.execute())

    async def wake(self, place: Place, at: datetime) -> None:
        """Have a buffer looked at."""
        await self._hint(self._client.zadd(_DUE, {str(place): _milliseconds(at)}))

    async def claim(self, now: datetime, lease: timedelta, limit: int) -> list[Place]:
        """Buffers that are due, for this process alone until the lease ends. Raises RedisError."""
        members = await cast(
            "Awaitable[list[bytes]]",
            self._claim(
                keys=[_DUE, _LEASED],
                args=[_milliseconds(now), int(lease.total_seconds() * 1000), limit],
            ),
        )
        return [Place.parse(member.decode()) for member in members]

    async def settle(
        self, place: Place, message_ids: Sequence[str], again: datetime | None
    ) -> None:
        """Give back a claimed buffer: without what was handed on, due again or never."""
        pipe = self._client.pipeline(transaction=False)
        for message_id in message_ids:
            pipe.lrem(place.buffer, 1, message_id)
        if again is not None:
            pipe.zadd(_DUE, {str(place): _milliseconds(again)})
        pipe.zrem(_LEASED, str(place))
        await self._hint(pipe.execute())

    async def _hint(self, work: Awaitable[object]) -> None:
        try:
            await work
        except (RedisError, OSError) as error:
            log.warning("buffer timers not reached", error=type(error).__name__)


def _milliseconds(time: datetime) -> int:
    return int(time.timestamp() * 1000)
