"""From webhooks in the queue to items with a verdict, and to what accepted ones become."""

import asyncio
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import orjson
from malha.crm.v1.tenant_pb2 import Tenant, TenantStatus
from malha.message.v1.message_pb2 import Message
from malha.processing.v1.commands_pb2 import InboundMessage

from services.ingestion.channels.base import Item, StatusUpdate, UnreadableWebhook
from services.ingestion.connections.directory import Connections, OpenConnection
from services.ingestion.webhooks.model import Facts, Reason, verdict
from services.ingestion.webhooks.reading import parsed
from services.kit.db import Record
from services.kit.errors import InvalidRequest
from services.kit.ids import nth_id
from services.kit.ratelimit import RateLimiter
from services.kit.validate import validate

_CONVERSATION = ("message", "echo")
_PAUSE_EVERY = 8


@dataclass(slots=True)
class Judged:
    """One item with its verdict, and what it becomes if nobody accepted the same before."""

    whole_id: str
    """The row its webhook came in."""
    event_id: str
    """Its own row: the same for the first item."""
    number: int
    connection_id: str
    """The one it was routed to; the one it was sent to when it is for nobody."""
    workspace_id: str
    source: str
    kind: str = ""
    external_id: str = ""
    payload: bytes | None = None
    """The item alone; None when the webhook held nothing else."""
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
    """The verdict on every item of one tenant's webhooks, in order."""
    tenant_active = tenant.status == TenantStatus.TENANT_STATUS_ACTIVE
    known = {row["connection_id"]: await connections.by_id(row["connection_id"]) for row in rows}
    found: list[tuple[Judged, Item | None, OpenConnection | None]] = []
    for number, row in enumerate(rows):
        connection = known[row["connection_id"]]
        found.extend((*one, connection) for one in _items(row, connection))
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)  # The same process acknowledges webhooks: they do not wait.
    counted = sum(
        tenant_active and (connection is None or connection.active) for *_, connection in found
    )
    granted = await limiter.take(tenant.id, counted, tenant.webhooks_per_minute) if counted else 0
    for number, (judged, item, connection) in enumerate(found):
        facts = Facts(
            connection_active=connection is None or connection.active,
            tenant_active=tenant_active,
            routed=connection is not None,
        )
        if facts.connection_active and tenant_active:
            facts.within_rate = granted > 0
            granted -= 1
        if item is not None and connection is not None:
            await _weigh(judged, item, connection, facts, connections, now)
        judged.reason = judged.reason or verdict(facts) or ""
        if number % _PAUSE_EVERY == 0:
            await asyncio.sleep(0)
    return [judged for judged, _, _ in found]


def _items(row: Record, connection: OpenConnection | None) -> Iterator[tuple[Judged, Item | None]]:
    first = Judged(
        row["id"], row["id"], 0, row["connection_id"], row["workspace_id"], row["source"]
    )
    if connection is None:
        yield first, None
        return
    try:
        items = list(connection.channel.split(parsed(row["payload"])))
    except UnreadableWebhook:
        first.reason = Reason.ENVELOPE_UNKNOWN
        yield first, None
        return
    for number, item in enumerate(items):
        judged = first
        if number:
            judged = replace(first, event_id=nth_id(first.whole_id, number), number=number)
        if len(items) > 1:
            judged.payload = orjson.dumps(item.payload)
        judged.kind = item.kind
        judged.external_id = item.external_id
        yield judged, item


async def _weigh(
    judged: Judged,
    item: Item,
    connection: OpenConnection,
    facts: Facts,
    connections: Connections,
    now: datetime,
) -> None:
    facts.readable = item.kind != ""
    facts.supported = item.kind != "other"
    if verdict(facts) is not None:
        return
    target = await _target(item, connection, connections)
    if target is None:
        facts.routed = False
        return
    judged.connection_id = target.id
    judged.workspace_id = target.workspace_id
    facts.connection_active = target.active
    if not target.active:
        return
    if item.kind in _CONVERSATION:
        judged.inbound = _inbound(judged, item, target, now)
        facts.readable = judged.inbound is not None
    else:
        judged.update = target.channel.status(item)
        facts.supported = judged.update is not None


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


def _inbound(
    judged: Judged, item: Item, target: OpenConnection, now: datetime
) -> InboundMessage | None:
    """The message, complete; None when it breaks the contract."""
    inbound = target.channel.receive(item)
    # The event's own id: it sorts by receipt, and is the same if this is done again.
    inbound.message.id = judged.event_id
    complete(inbound.message, target, now)
    command = InboundMessage(
        message=inbound.message, correlation_id=judged.event_id, echo=inbound.echo
    )
    try:
        validate(command)
    except InvalidRequest:
        # Alone it is rejected; inside the command it would take the others with it.
        return None
    return command


def complete(message: Message, connection: OpenConnection, now: datetime) -> None:
    """Add what only Malha knows to a message that an adapter has read."""
    message.tenant_id = connection.tenant_id
    message.workspace_id = connection.workspace_id
    message.channel_id = connection.id
    if connection.assistant_id:
        message.context.assistant_id = connection.assistant_id
    if not message.HasField("timestamp"):
        message.timestamp.FromDatetime(now)
