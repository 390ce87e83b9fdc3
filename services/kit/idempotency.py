"""Idempotency-Key: a write that is sent again is answered again, and done once.

The answer is stored, sealed, in the transaction that made it true, so that neither can be without
the other. Only answers are kept: an error has changed nothing, and may be asked for again. The
header is that of draft-ietf-httpapi-idempotency-key-header.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from services.kit.call import Call
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.errors import AlreadyExists, AppError, InvalidRequest
from services.kit.joined import Joined

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_STRUCTURED = re.compile(r'"((?:[^"\\]|\\.)*)"')  # The draft writes the key as a quoted string.

# Rows that ended are removed as new ones come, a few at a time.
_KEEP = """
WITH ended AS (
  DELETE FROM {schema}.idempotency_keys
   WHERE ctid = ANY (ARRAY(SELECT ctid FROM {schema}.idempotency_keys
                            WHERE create_time < now() - interval '24 hours' LIMIT 20
                              FOR UPDATE SKIP LOCKED))
     AND digest <> $1
)
INSERT INTO {schema}.idempotency_keys AS kept (digest, request_hash, reply)
VALUES ($1, $2, $3)
ON CONFLICT (tenant_id, digest) DO UPDATE
   SET request_hash = excluded.request_hash, reply = excluded.reply, create_time = now()
 WHERE kept.create_time < now() - interval '24 hours'
RETURNING true
"""
_FIND = """
SELECT request_hash, reply FROM {schema}.idempotency_keys
 WHERE digest = $1 AND create_time >= now() - interval '24 hours'
"""


class IdempotencyKeyReused(AlreadyExists):
    """The Idempotency-Key belongs to another request; use a new one for each."""


class _AnsweredMeanwhile(Exception):
    """Another process answered the same request first; nothing of ours is kept."""


@dataclass(frozen=True, slots=True)
class Keyed:
    """A request with a key, by hashes: of whose key it is, and of what it asks."""

    digest: bytes
    request_hash: bytes

    @classmethod
    def of(
        cls, header: str, actor_id: str, workspace_id: str, method: str, request: bytes
    ) -> Keyed:
        """Raises InvalidRequest when the header is no key."""
        quoted = _STRUCTURED.fullmatch(header)
        key = quoted[1] if quoted else header
        if not _KEY.fullmatch(key):
            raise InvalidRequest([("Idempotency-Key", "must be 1 to 255 visible ASCII characters")])
        whose = f"{actor_id}\0{key}".encode()
        asked = f"{workspace_id}\0{method}\0".encode() + request
        return cls(hashlib.sha256(whose).digest(), hashlib.sha256(asked).digest())


@dataclass(slots=True)
class _Turn:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    users: int = 0


class Idempotency:
    """Answers keyed requests, each once."""

    def __init__(self, database: Database, sealer: Sealer) -> None:
        self._database = database
        self._sealer = sealer
        self._keep = _KEEP.format(schema=database.schema)
        self._find = _FIND.format(schema=database.schema)
        self._running: dict[bytes, _Turn] = {}

    async def answer(
        self, call: Call, keyed: Keyed, make: Callable[[], Awaitable[Any]]
    ) -> tuple[bytes, bool]:
        """The reply's bytes, and whether they were made by an earlier request.

        Raises IdempotencyKeyReused, and what `make` raises.
        """
        async with self._alone(call, keyed):
            if (reply := await self._stored(call, keyed)) is not None:
                return reply, True
            try:
                return await self._make(call, keyed, make), False
            except (_AnsweredMeanwhile, AppError) as error:
                # Another process may have been faster, and its effect the reason for our failure.
                if (reply := await self._stored(call, keyed)) is not None:
                    return reply, True
                if isinstance(error, AppError):
                    raise
                raise IdempotencyKeyReused from None

    async def _make(self, call: Call, keyed: Keyed, make: Callable[[], Awaitable[Any]]) -> bytes:
        async with Joined(self._database, call.stamp(call.tenant_id)) as joined:
            call.joined = joined
            try:
                reply: bytes = (await make()).SerializeToString()
                sealed = self._sealer.seal(reply, self._context(call, keyed))
                async with joined.transaction() as tx:
                    kept = await tx.value(self._keep, *self._fingerprints(keyed), sealed)
                if kept is None:
                    raise _AnsweredMeanwhile
            finally:
                call.joined = None
        return reply

    async def _stored(self, call: Call, keyed: Keyed) -> bytes | None:
        digest, request_hash = self._fingerprints(keyed)
        rows = await self._database.read(call.tenant_id, self._find, digest)
        if not rows:
            return None
        if rows[0]["request_hash"] != request_hash:
            raise IdempotencyKeyReused
        return self._sealer.open(rows[0]["reply"], self._context(call, keyed))

    def _fingerprints(self, keyed: Keyed) -> tuple[bytes, bytes]:
        """The key and the request as they are stored: a request may hold a password."""
        return self._sealer.fingerprint(keyed.digest), self._sealer.fingerprint(keyed.request_hash)

    @staticmethod
    def _context(call: Call, keyed: Keyed) -> str:
        return f"idempotency:{call.tenant_id}:{keyed.digest.hex()}"

    @asynccontextmanager
    async def _alone(self, call: Call, keyed: Keyed) -> AsyncIterator[None]:
        """One at a time in this process, without a connection; the constraint does the rest."""
        whose = call.tenant_id.encode() + keyed.digest
        turn = self._running.setdefault(whose, _Turn())
        turn.users += 1
        try:
            async with turn.lock:
                yield
        finally:
            turn.users -= 1
            if not turn.users:
                del self._running[whose]
