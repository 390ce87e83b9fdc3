"""From queued events to verdicts, and to what accepted ones become."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from malha.crm.v1.tenant_pb2 import Tenant, TenantStatus
from malha.message.v1.message_pb2 import Message
from malha.processing.v1.commands_pb2 import InboundMessage

from services.ingestion.channels.base import Item, StatusUpdate
from services.ingestion.connections.directory import Connections, OpenConnection
from services.ingestion.webhooks.model import Facts, verdict
from services.kit.db import Record
from services.kit.errors import InvalidRequest
from services.kit.ids import new_id
from services.kit.ratelimit import RateLimiter
from services.kit.validate import validate

_CONVERSATION = ("message", "echo")
_PAUSE_EVERY = 16


@dataclass(slots=True)
class Judged:
    """One event with its verdict, and what it becomes if nobody accepted the same before."""

    event_id: str
    kind: str
    connection_id: str
    """The one it was routed to; the one it was sent to when it is for nobody."""
    workspace_id: str
    reason: str = ""
    inbound: InboundMessage | None = None
    update: StatusUpdate | None = None
    correlation_id: str | None = None
    """What it was found to belong to; None for its own id."""


async def judge(
    rows: Sequence[Record],
    tenant: Tenant,
    connections: Connections,
    limiter: RateLimiter,
    now: datetime,
) -> list[Judged]:
    """The verdict on each queued event of one tenant."""
    known = {row["connection_id"]: await connections.by_id(row["connection_id"]) for row in rows}
    facts = [_outer_facts(known[row["connection_id"]], tenant) for row in rows]
    counted = sum(verdict(fact) is None for fact in facts)
    granted = await limiter.take(tenant.id, counted, tenant.webhooks_per_minute) if counted else 0
    judged = []
    for number, (row, outer) in enumerate(zip(rows, facts, strict=True)):
        fact = outer
        if verdict(fact) is None:
            fact = replace(fact, within_rate=granted > 0)
            granted -= 1
        judged.append(await _judge_one(row, known[row["connection_id"]], fact, connections, now))
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)  # The same process acknowledges webhooks: they do not wait.
    return judged


def _outer_facts(connection: OpenConnection | None, tenant: Tenant) -> Facts:
    return Facts(
        connection_active=connection is None or connection.active,
        tenant_active=tenant.status == TenantStatus.TENANT_STATUS_ACTIVE,
        routed=connection is not None,
    )


async def _judge_one(
    row: Record,
    connection: OpenConnection | None,
    facts: Facts,
    connections: Connections,
    now: datetime,
) -> Judged:
    judged = Judged(row["id"], row["kind"], row["connection_id"], row["workspace_id"])
    facts = replace(facts, readable=row["kind"] != "", supported=row["kind"] != "other")
    if connection is not None and verdict(facts) is None:
        item = next(connection.channel.split(orjson.loads(row["payload"])))
        target = await _target(item, connection, connections)
        if target is None:
            facts = replace(facts, routed=False)
        else:
            judged.connection_id = target.id
            judged.workspace_id = target.workspace_id
            facts = replace(facts, connection_active=target.active)
            if target.active:
                facts = _convert(judged, item, target, facts, now)
    judged.reason = verdict(facts) or ""
    return judged


async def _target(
    item: Item, connection: OpenConnection, connections: Connections
) -> OpenConnection | None:
    """The connection an item is for: its own number's, if that is this tenant's."""
    if item.routing_id == connection.external_id:
        return connection
    if not item.routing_id:
        return connection if item.account_id == connection.account_id else None
    found = await connections.by_external(connection.channel.slug, item.routing_id)
    return found if found is not None and found.tenant_id == connection.tenant_id else None


def _convert(
    judged: Judged, item: Item, target: OpenConnection, facts: Facts, now: datetime
) -> Facts:
    if judged.kind in _CONVERSATION:
        inbound = target.channel.receive(item)
        complete(inbound.message, target, now)
        try:
            validate(inbound.message)
        except InvalidRequest:
            # Alone it is rejected; inside the command it would take the others with it.
            return replace(facts, readable=False)
        judged.inbound = InboundMessage(
            message=inbound.message, correlation_id=judged.event_id, echo=inbound.echo
        )
        return facts
    judged.update = target.channel.status(item)
    return replace(facts, supported=judged.update is not None)


def complete(message: Message, connection: OpenConnection, now: datetime) -> None:
    """Add what only Malha knows to a message that an adapter has read."""
    message.id = new_id()
    message.tenant_id = connection.tenant_id
    message.workspace_id = connection.workspace_id
    message.channel_id = connection.id
    if connection.assistant_id:
        message.context.assistant_id = connection.assistant_id
    if not message.HasField("timestamp"):
        message.timestamp.FromDatetime(now)
