"""Publishes what the outbox holds, and calls what the timers say is due.

Woken in process after a commit, with a slow poll behind it: LISTEN/NOTIFY cost 30 to 44 % of
commits. Rows leave the outbox only after JetStream has them; a row published twice is dropped by
its Nats-Msg-Id.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson
import structlog
from nats.aio.client import Client
from nats.js.errors import APIError

from services.kit.bus import system_call
from services.kit.context import Function
from services.kit.db import Database
from services.kit.errors import AppError
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.peers import Peers
from services.kit.telemetry import outbox_failures, outbox_published, timers_fired

log = get_logger(__name__)

_BATCH = 500
_ATOMIC_BATCH = 100
_POLL_SECONDS = 0.5
_PUBLISH_SECONDS = 5.0
_TIMER_BATCH = 100
_TIMER_LEASE_SECONDS = 30
# A batch that holds an id published before, or that the stream cannot take as one.
_BATCH_REFUSED = range(10_170, 10_220)


async def relay_outbox(database: Database, client: Client) -> None:
    """Publish outbox rows as they come, until cancelled."""
    take = f"""DELETE FROM {database.schema}.outbox
                WHERE id IN (SELECT id FROM {database.schema}.outbox
                              ORDER BY id LIMIT {_BATCH} FOR UPDATE SKIP LOCKED)
               RETURNING id, message_id, subject, headers, payload"""
    while True:
        database.outbox_ready.clear()
        try:
            async with database.pool.acquire(timeout=5) as connection, connection.transaction():
                rows = await connection.fetch(take)
                await _publish(client, sorted(rows, key=lambda row: row["id"]))
        except Exception as error:
            outbox_failures.inc()
            log.warning("outbox relay failed", error=type(error).__name__)
            await asyncio.sleep(_POLL_SECONDS)
            continue
        if len(rows) < _BATCH:
            with suppress(TimeoutError):
                await asyncio.wait_for(database.outbox_ready.wait(), _POLL_SECONDS)


async def _publish(client: Client, rows: Sequence[Mapping[str, Any]]) -> None:
    by_stream: dict[str, list[Mapping[str, Any]]] = {"evt": [], "cmd": []}
    for row in rows:
        by_stream[row["subject"][:3]].append(row)
    # Commands first: somebody waits for what they do.
    for stream in ("cmd", "evt"):
        mine = by_stream[stream]
        for start in range(0, len(mine), _ATOMIC_BATCH):
            await _publish_batch(client, mine[start : start + _ATOMIC_BATCH])
        outbox_published.labels(stream).inc(len(mine))


async def _publish_batch(client: Client, rows: Sequence[Mapping[str, Any]]) -> None:
    if len(rows) == 1:
        await _publish_each(client, rows)
        return
    try:
        await _publish_atomically(client, rows)
    except APIError as error:
        if error.err_code not in _BATCH_REFUSED:
            raise
        await _publish_each(client, rows)


async def _publish_atomically(client: Client, rows: Sequence[Mapping[str, Any]]) -> None:
    """One write to disk for many messages (ADR-50 of NATS: atomic batch publishing)."""
    batch = new_id()
    last = len(rows)
    for sequence, row in enumerate(rows, start=1):
        headers = {
            **orjson.loads(row["headers"]),
            "Nats-Msg-Id": row["message_id"],
            "Nats-Batch-Id": batch,
            "Nats-Batch-Sequence": str(sequence),
        }
        if sequence == last:
            headers["Nats-Batch-Commit"] = "1"
            await client.jetstream().publish(
                row["subject"], row["payload"], headers=headers, timeout=_PUBLISH_SECONDS
            )
        else:
            await client.publish(row["subject"], row["payload"], headers=headers)


async def _publish_each(client: Client, rows: Sequence[Mapping[str, Any]]) -> None:
    jetstream = client.jetstream()
    await asyncio.gather(
        *(
            jetstream.publish(
                row["subject"],
                row["payload"],
                headers={**orjson.loads(row["headers"]), "Nats-Msg-Id": row["message_id"]},
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
    while True:
        try:
            async with database.pool.acquire(timeout=5) as connection:
                rows = await connection.fetch(take, kinds)
            await asyncio.gather(*(_fire(database, peers, functions, row) for row in rows))
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
            await function(call, row["id"], **arguments)
        except AppError as error:
            log.info("timer retried", kind=row["kind"], reason=error.reason)
        except Exception:
            log.exception("timer failed", kind=row["kind"])
