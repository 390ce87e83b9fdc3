"""Gathers the evidence: from the database as its owner sees it, and from the sandbox."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import asyncpg

from services.kit.devstack.mesh import Mesh
from tests.bench.business import Business
from tests.chaos.verdict import Evidence, Offered, Sent, Stored, Turn

SENDER_KILLED_WITHIN = timedelta(seconds=15)
"""A send takes no longer: after that its sender's death has nothing to do with it."""

_LEFT = """
SELECT (SELECT count(*) FROM ingestion.webhook_events
         WHERE connection_id = ANY($1::uuid[]) AND status = 'queued') AS queued,
       (SELECT count(*) FROM processing.messages
         WHERE connection_id = ANY($1::uuid[]) AND waits) AS waiting,
       (SELECT count(*) FROM ingestion.webhook_events e
         WHERE e.connection_id = ANY($1::uuid[]) AND e.status = 'accepted' AND e.kind = 'message'
           AND NOT EXISTS (SELECT FROM processing.messages m
                            WHERE m.tenant_id = e.tenant_id AND m.connection_id = e.connection_id
                              AND m.external_id = e.external_id)) AS not_stored,
       (SELECT count(*) FROM processing.turns t
          JOIN processing.conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
         WHERE c.connection_id = ANY($1::uuid[])
           AND t.status NOT IN ('done', 'failed', 'cancelled')
           AND NOT EXISTS (SELECT FROM ingestion.deliveries d
                            WHERE d.tenant_id = t.tenant_id AND d.message_id = t.reply_message_id
                              AND d.status = 'unknown')) AS open_turns
"""
_ACCEPTED = """
SELECT external_id, count(*) AS times
  FROM ingestion.webhook_events
 WHERE connection_id = ANY($1::uuid[]) AND kind = 'message' AND status = 'accepted'
 GROUP BY external_id
"""
_STORED = """
SELECT m.tenant_id::text, m.connection_id::text, m.external_id, m.turn_id::text, m.create_time,
       p.identifier
  FROM processing.messages m
  JOIN processing.conversations c ON c.tenant_id = m.tenant_id AND c.id = m.conversation_id
  JOIN processing.participants p ON p.tenant_id = c.tenant_id AND p.id = c.participant_id
 WHERE m.tenant_id = ANY($1::uuid[]) AND m.direction = 'inbound'
"""
_TURNS = """
SELECT t.tenant_id::text, t.id::text, t.reply_message_id::text, c.connection_id::text,
       p.identifier, coalesce(d.status::text, '') AS delivery, d.attempt_time
  FROM processing.turns t
  JOIN processing.conversations c ON c.tenant_id = t.tenant_id AND c.id = t.conversation_id
  JOIN processing.participants p ON p.tenant_id = c.tenant_id AND p.id = c.participant_id
  LEFT JOIN ingestion.deliveries d
    ON d.tenant_id = t.tenant_id AND d.message_id = t.reply_message_id AND d.part = 0
 WHERE t.tenant_id = ANY($1::uuid[])
"""


async def settled(mesh: Mesh, businesses: Sequence[Business], seconds: float) -> dict[str, int]:
    """Wait until nothing is under way any more; gives what still is when the time is up."""
    owner = await asyncpg.connect(mesh.infra.owner_url)
    connections = [business.channel["id"] for business in businesses]
    ends = time.monotonic() + seconds
    try:
        while True:
            row = await owner.fetchrow(_LEFT, connections)
            left = {name: count for name, count in dict(row).items() if count}
            if not left or time.monotonic() > ends:
                return left
            await asyncio.sleep(0.5)
    finally:
        await owner.close()


async def gather(
    mesh: Mesh,
    session: aiohttp.ClientSession,
    businesses: Sequence[Business],
    offered: Sequence[Offered],
    *,
    quiet: timedelta,
    sender_killed: Sequence[datetime],
) -> Evidence:
    """Everything the judge needs to see."""
    tenants = [business.tenant_id for business in businesses]
    owner = await asyncpg.connect(mesh.infra.owner_url)
    try:
        accepted = await owner.fetch(_ACCEPTED, [business.channel["id"] for business in businesses])
        stored = await owner.fetch(_STORED, tenants)
        turns = await owner.fetch(_TURNS, tenants)
    finally:
        await owner.close()
    return Evidence(
        offered=offered,
        accepted={row["external_id"]: row["times"] for row in accepted},
        stored=[
            Stored(
                row["tenant_id"],
                row["connection_id"],
                row["external_id"],
                row["identifier"],
                row["turn_id"],
                row["create_time"],
            )
            for row in stored
        ],
        turns=[
            Turn(
                row["id"],
                row["tenant_id"],
                row["connection_id"],
                row["identifier"],
                row["reply_message_id"],
                row["delivery"],
                _torn(row["attempt_time"], sender_killed),
            )
            for row in turns
        ],
        sent=[
            send
            for business in businesses
            for send in await _sent(session, mesh.wiring.sandbox_url, business.number)
        ],
        quiet=quiet,
    )


async def _sent(session: aiohttp.ClientSession, sandbox_url: str, number: str) -> list[Sent]:
    async with session.get(
        f"{sandbox_url}/sandbox/sent", params={"phone_number_id": number, "limit": 20_000}
    ) as response:
        found: dict[str, Any] = await response.json()
    if found["total"] != len(found["messages"]):
        raise RuntimeError("the sandbox has forgotten some of the sends")
    return [
        Sent(
            number,
            send["to"],
            str(send["biz_opaque_callback_data"]),
            str(send["payload"].get("text", {}).get("body", "")),
        )
        for send in found["messages"]
    ]


def _torn(attempted: datetime | None, sender_killed: Sequence[datetime]) -> bool:
    return attempted is not None and any(
        attempted - timedelta(milliseconds=50) <= killed <= attempted + SENDER_KILLED_WITHIN
        for killed in sender_killed
    )


def now() -> datetime:
    """The time as the database writes it."""
    return datetime.now(UTC)
