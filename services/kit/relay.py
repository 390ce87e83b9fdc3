"""Publishes what the outbox holds, and calls what the timers say is due.

Handed its rows in process after their commit, with a slow look at the table behind it:
LISTEN/NOTIFY cost 30 to 44 % of commits. Rows leave the outbox only after JetStream has them; a row
published twice is dropped by its Nats-Msg-Id.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
import structlog
from nats.aio.client import Client
from nats.js.errors import APIError

from services.kit.bus import BusUnavailable, system_call
from services.kit.context import Function
from services.kit.db import Database
from services.kit.errors import AppError
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.outbox import Row
from services.kit.peers import Peers
from services.kit.telemetry import outbox_failures, outbox_published, timers_fired

log = get_logger(__name__)

_BATCH = 500
_ATOMIC_BATCH = 100
_POLL_SECONDS = 0.5
_NEVER = float("-inf")
_PUBLISH_SECONDS = 5.0
_ACQUIRE_SECONDS = 5.0
_TIMER_BATCH = 100
_TIMER_LEASE_SECONDS = 30
_TIMERS_AT_ONCE = 8
# A batch that holds an id published before (10201), lost a message on the way (10176) or cannot be
# taken as one. Not among them: 10077, the stream is full.
_BATCH_REFUSED = range(10_170, 10_220)


async def relay_outbox(database: Database, client: Client) -> None:
    """Publish outbox rows as they come, until cancelled.

    What this process commits is handed over in memory and only deleted from the table. The table
    is read now and then, for what other processes left, and from a failure until it is empty.
    """
    looked = _NEVER
    while True:
        rows = database.outbox.take()
        failed: Exception | None = None
        more = False
        try:
            if not client.is_connected:
                raise BusUnavailable
            if not rows or time.monotonic() - looked >= _POLL_SECONDS:
                more, failed = await _publish_stored(database, client)
                looked = _NEVER if more else time.monotonic()
            else:
                published, failed = await _publish(client, rows)
                if published:
                    async with database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                        await _forget(connection, database.schema, published)
        except Exception as error:
            failed = error
        if failed is not None:
            outbox_failures.inc()
            log.warning("outbox relay failed", error=type(failed).__name__)
            looked = _NEVER
            await asyncio.sleep(_POLL_SECONDS)
        elif not more:
            with suppress(TimeoutError):
                await asyncio.wait_for(database.outbox.ready.wait(), _POLL_SECONDS)


async def _publish_stored(database: Database, client: Client) -> tuple[bool, Exception | None]:
    """Publish what the table holds; whether there may be more, and why some is not published."""
    take = f"""SELECT id, message_id, subject, headers, payload
                 FROM {database.schema}.outbox
                ORDER BY id LIMIT {_BATCH} FOR UPDATE SKIP LOCKED"""
    async with database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
        # A look at an idle outbox is one statement, and not a transaction around it.
        if not await connection.fetchval(f"SELECT EXISTS (SELECT FROM {database.schema}.outbox)"):
            return False, None
        async with connection.transaction():
            rows = [Row(**row) for row in await connection.fetch(take)]
            published, failed = await _publish(client, rows)
            if published:
                await _forget(connection, database.schema, published)
    return len(rows) == _BATCH, failed


async def _forget(connection: Any, schema: str, published: Sequence[int]) -> None:
    await connection.execute(f"DELETE FROM {schema}.outbox WHERE id = ANY($1::bigint[])", published)


async def _publish(client: Client, rows: Sequence[Row]) -> tuple[list[int], Exception | None]:
    """The ids of what the streams have now, and why they do not have the rest."""
    published: list[int] = []
    failed: Exception | None = None
    # Commands first: somebody waits for what they do. A full stream does not hold up the other.
    for stream in ("cmd", "evt"):
        mine = [row for row in rows if row.subject.startswith(stream)]
        for start in range(0, len(mine), _ATOMIC_BATCH):
            batch = mine[start : start + _ATOMIC_BATCH]
            try:
                await _publish_batch(client, batch)
            except Exception as error:
                failed = error
                break
            published += [row.id for row in batch]
            outbox_published.labels(stream).inc(len(batch))
    return published, failed


async def _publish_batch(client: Client, rows: Sequence[Row]) -> None:
    if len(rows) == 1:
        await _publish_each(client, rows)
        return
    try:
        await _publish_atomically(client, rows)
    except APIError as error:
        if error.err_code not in _BATCH_REFUSED:
            raise
        await _publish_each(client, rows)


async def _publish_atomically(client: Client, rows: Sequence[Row]) -> None:
    """One write to disk for many messages (ADR-50 of NATS: atomic batch publishing)."""
    batch = new_id()
    last = len(rows)
    for sequence, row in enumerate(rows, start=1):
        headers = {
            **orjson.loads(row.headers),
            "Nats-Msg-Id": row.message_id,
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(sequence),
        }
        if sequence == last:
            headers["Nats-Batch-Commit"] = "1"
            await client.jetstream().publish(
                row.subject, row.payload, headers=headers, timeout=_PUBLISH_SECONDS
            )
        else:
            await client.publish(row.subject, row.payload, headers=headers)


async def _publish_each(client: Client, rows: Sequence[Row]) -> None:
    jetstream = client.jetstream()
    await asyncio.gather(
        *(
            jetstream.publish(
                row.subject,
                row.payload,
                headers={**orjson.loads(row.headers), "Nats-Msg-Id": row.message_id},
                timeout=_PUBLISH_SECONDS,
            )
            for row in rows
        )
    )


async def run_timers(
    database: Database,
    peers: Peers,
    functions: Mapping[str, tuple[Function, Mapping[str, object]]],
) -> None:
    """Call what is due, until cancelled. A timer not disarmed comes back after its lease."""
    take = f"""UPDATE {database.schema}.timers t
                  SET due_time = now() + interval '{_TIMER_LEASE_SECONDS} seconds'
                 FROM (SELECT kind, id FROM {database.schema}.timers
                        WHERE due_time <= now() AND kind = ANY($1::text[])
                        ORDER BY due_time LIMIT {_TIMER_BATCH} FOR UPDATE SKIP LOCKED) AS due
                WHERE t.kind = due.kind AND t.id = due.id
            RETURNING t.kind, t.id, t.tenant_id, t.workspace_id, t.correlation_id"""
    kinds = list(functions)
    # A backlog of timers must not take every connection of the pool.
    room = asyncio.Semaphore(_TIMERS_AT_ONCE)

    async def fire(row: Mapping[str, Any]) -> None:
        async with room:
            await _fire(database, peers, functions, row)

    while True:
        try:
            async with database.pool.acquire(timeout=_ACQUIRE_SECONDS) as connection:
                rows = await connection.fetch(take, kinds)
            await asyncio.gather(*(fire(row) for row in rows))
        except Exception as error:
            log.warning("timers failed", error=type(error).__name__)
            rows = []
        if len(rows) < _TIMER_BATCH:
            await asyncio.sleep(_POLL_SECONDS)


async def _fire(
    database: Database,
    peers: Peers,
    functions: Mapping[str, tuple[Function, Mapping[str, object]]],
    row: Mapping[str, Any],
) -> None:
    function, arguments = functions[row["kind"]]
    call = system_call(
        database.schema,
        database,
        peers,
        tenant_id=row["tenant_id"],
        workspace_id=row["workspace_id"],
        correlation_id=row["correlation_id"],
        cause=f"timer:{row['kind']}",
    )
    timers_fired.labels(row["kind"]).inc()
    with structlog.contextvars.bound_contextvars(
        tenant=call.tenant_id, correlation=call.correlation_id
    ):
        try:
            # Beyond its lease it is due again, and one that hangs would hold up all the others.
            async with asyncio.timeout(_TIMER_LEASE_SECONDS):
                await function(call, row["id"], **arguments)
        except AppError as error:
            log.info("timer retried", kind=row["kind"], reason=error.reason)
        except Exception:
            log.exception("timer failed", kind=row["kind"])
