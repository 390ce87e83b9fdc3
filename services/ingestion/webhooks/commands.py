"""Webhooks in: stored first, judged after."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from malha.ingestion.v1.commands_pb2 import ProcessWebhooks
from malha.ingestion.v1.events_pb2 import WebhookAccepted, WebhookRejected
from malha.ingestion.v1.webhook_service_pb2 import (
    InboundWebhook,
    ReceiveWebhooksRequest,
    ReceiveWebhooksResponse,
    WebhookAnswer,
)
from malha.processing.v1.commands_pb2 import InboundMessage, ReceiveMessages
from prometheus_client import Counter

from services.ingestion.connections.directory import Connections, OpenConnection
from services.ingestion.deliveries.statuses import apply_statuses
from services.ingestion.webhooks.handover import hand_over
from services.ingestion.webhooks.judging import Judged, judge
from services.ingestion.webhooks.model import Floods, Reason
from services.ingestion.webhooks.pressure import Backlog, Pressure
from services.ingestion.webhooks.reading import (
    Received,
    Refusal,
    Refused,
    Unrouted,
    read,
    refused,
    unrouted,
)
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Transaction
from services.kit.ids import new_id
from services.kit.ratelimit import RateLimiter
from services.kit.sql import load_sql
from services.kit.tenants import Tenants

sql = load_sql(__package__, "webhooks.sql")

TIMER = "process_webhooks"

# The command takes milliseconds: by then it is lost, or everything is late.
_RESUME_AFTER = timedelta(seconds=30)
_JUDGED_AT_ONCE = 100
_SETTLED_AT_ONCE = 500
_MESSAGES_AT_ONCE = 200
_BYTES_AT_ONCE = 512 * 1024

_STORED = WebhookAnswer(http_status=200)
_NOT_FOUND = WebhookAnswer(http_status=404, reason="CONNECTION_NOT_FOUND")
# Signed by nobody: how many of these are kept is limited.
_UNPROVEN = frozenset({Reason.BODY_EMPTY, Reason.SIGNATURE_MISMATCH})

events_total = Counter(
    "malha_webhook_events_total", "Webhook events with their verdict.", ["source", "reason"]
)
not_kept = Counter(
    "malha_webhooks_not_kept_total", "Refused webhooks beyond what is kept of a flood.", ["reason"]
)


@dataclass(slots=True)
class _Rows:
    received: list[Received] = field(default_factory=list)
    refused: list[Refused] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    """A batch on its way into the ledger, by tenant."""

    floods: Floods
    now: float
    tenants: dict[str, _Rows] = field(default_factory=dict)
    unrouted: list[Unrouted] = field(default_factory=list)
    answers: list[WebhookAnswer] = field(default_factory=list)

    def add(self, webhook: InboundWebhook, connection: OpenConnection | None) -> None:
        """Take in one webhook, sent to a connection or to nowhere."""
        if connection is None:
            self.answers.append(_NOT_FOUND)
            if self.floods.admits_unrouted(self.now):
                self.unrouted.append(unrouted(webhook))
            else:
                not_kept.labels("CONNECTION_NOT_FOUND").inc()
            return
        found = read(webhook, connection)
        if isinstance(found, Refusal):
            self._refuse(webhook, connection, found)
        else:
            self.answers.append(_STORED)
            self._rows_of(connection).received.append(found)

    def _refuse(
        self, webhook: InboundWebhook, connection: OpenConnection, refusal: Refusal
    ) -> None:
        reason = refusal.reason
        self.answers.append(WebhookAnswer(http_status=refusal.http_status, reason=reason))
        if reason in _UNPROVEN and not self.floods.admits_refused(connection.id, self.now):
            not_kept.labels(reason).inc()
            return
        events_total.labels(connection.channel.slug, reason).inc()
        self._rows_of(connection).refused.append(refused(webhook, connection, reason))

    def _rows_of(self, connection: OpenConnection) -> _Rows:
        return self.tenants.setdefault(connection.tenant_id, _Rows())


async def receive_webhooks(
    call: Call,
    request: ReceiveWebhooksRequest,
    *,
    connections: Connections,
    floods: Floods,
    pressure: Pressure,
    backlog: Backlog,
    clock: Clock,
) -> ReceiveWebhooksResponse:
    """Store a batch of webhooks in one commit, and say what each sender is answered."""
    pressure.arrived(len(request.webhooks))
    batch = _Batch(floods, clock.now().timestamp())
    known: dict[tuple[str, str], OpenConnection | None] = {}
    for webhook in request.webhooks:
        address = (webhook.channel, webhook.connection_id)
        if address not in known:
            known[address] = await _addressed(connections, *address)
        batch.add(webhook, known[address])
    if batch.tenants or batch.unrouted:
        held = backlog if backlog.open and pressure.high else None
        async with call.transaction(tenant_id=next(iter(batch.tenants), "")) as tx:
            await _store(tx, batch, held, clock.now())
    return ReceiveWebhooksResponse(answers=batch.answers)


async def _addressed(
    connections: Connections, channel: str, connection_id: str
) -> OpenConnection | None:
    found = await connections.by_id(connection_id)
    return found if found is not None and found.channel.slug == channel else None


async def _store(tx: Transaction, batch: _Batch, held: Backlog | None, now: datetime) -> None:
    if batch.unrouted:
        await tx.run(sql.insert_unrouted, *zip(*batch.unrouted, strict=True))
    for number, (tenant_id, rows) in enumerate(batch.tenants.items()):
        if number:
            await tx.switch(tenant_id)
        batch_id = new_id()
        if rows.refused:
            columns = zip(*rows.refused, strict=True)
            await tx.run(sql.insert_refused, batch_id, now, *columns)
            for row in rows.refused:
                _tell_rejected(tx, row.id, row.connection_id, row.reason)
        if rows.received:
            await tx.run(sql.insert_received, batch_id, *zip(*rows.received, strict=True))
            if held is None:
                tx.send(ProcessWebhooks(batch_id=batch_id))
            else:
                tx.after_commit(partial(held.put, tenant_id, batch_id))
            # PostgreSQL remembers what is to be done, should the bus or this process forget it.
            tx.arm(TIMER, batch_id, now + _RESUME_AFTER)


async def process_webhooks(
    call: Call,
    command: ProcessWebhooks,
    *,
    connections: Connections,
    tenants: Tenants,
    limiter: RateLimiter,
    pressure: Pressure,
    clock: Clock,
) -> None:
    """Give every item of a batch its verdict, and hand on what is accepted."""
    more = True
    while more:
        async with pressure.turn():
            more = await _judge_some(call, command.batch_id, connections, tenants, limiter, clock)


async def _judge_some(
    call: Call,
    batch_id: str,
    connections: Connections,
    tenants: Tenants,
    limiter: RateLimiter,
    clock: Clock,
) -> bool:
    """Judge the next webhooks of a batch; whether there may be more."""
    rows = await call.all(sql.queued_events, batch_id, _JUDGED_AT_ONCE)
    if not rows:
        async with call.transaction() as tx:
            tx.disarm(TIMER, batch_id)
        return False
    more = len(rows) == _JUDGED_AT_ONCE
    tenant = await tenants.of(call)
    judged = await judge(rows, tenant, connections, limiter, clock.now())
    async with call.transaction() as tx:
        settled = await _settle(tx, judged, clock)
        if not more:
            tx.disarm(TIMER, batch_id)
    for one, reason in settled:
        events_total.labels(one.source, reason or "ACCEPTED").inc()
    return more


async def _settle(
    tx: Transaction, judged: Sequence[Judged], clock: Clock
) -> list[tuple[Judged, str]]:
    """Write the verdicts; what each item became, without those another worker settled."""
    now = clock.now()
    if parts := [one for one in judged if one.payload is not None]:
        # Splitting twice would add the items twice.
        rows = await tx.all(sql.lock_events, list({one.whole_id for one in judged}))
        free = {row["id"] for row in rows}
        judged = [one for one in judged if one.whole_id in free]
        parts = [one for one in parts if one.whole_id in free]
        await tx.run(
            sql.split_events,
            [one.whole_id for one in parts],
            [one.event_id for one in parts],
            [one.number for one in parts],
            [one.payload for one in parts],
        )
    if reports := [one for one in judged if one.update is not None and not one.reason]:
        updates = [one.update for one in reports if one.update is not None]
        correlations = await apply_statuses(tx, updates, received=now)
        for one, correlation in zip(reports, correlations, strict=True):
            one.correlation_id = correlation or None
    settled = [pair for part in _chunks(judged) for pair in await _settle_part(tx, part, now)]
    for one, reason in settled:
        if reason:
            _tell_rejected(tx, one.event_id, one.connection_id, reason, one.correlation_id)
        else:
            tx.emit(
                WebhookAccepted(
                    webhook_event_id=one.event_id,
                    connection_id=one.connection_id,
                    kind=one.kind,
                ),
                correlation_id=one.correlation_id or one.event_id,
            )
    messages = [one.inbound for one, reason in settled if one.inbound is not None and not reason]
    for part in portions(messages):
        await hand_over(tx, ReceiveMessages(messages=part), now)
    return settled


async def _settle_part(
    tx: Transaction, judged: Sequence[Judged], now: datetime
) -> list[tuple[Judged, str]]:
    rows = await tx.all(
        sql.settle_events,
        [one.event_id for one in judged],
        [one.connection_id for one in judged],
        [one.workspace_id for one in judged],
        [one.reason for one in judged],
        [one.kind for one in judged],
        [one.external_id for one in judged],
        [one.correlation_id for one in judged],
        now,
    )
    reasons: dict[str, str] = {row["id"]: row["reason"] for row in rows}
    return [(one, reasons[one.event_id]) for one in judged if one.event_id in reasons]


def _chunks(judged: Sequence[Judged]) -> Iterator[Sequence[Judged]]:
    for start in range(0, len(judged), _SETTLED_AT_ONCE):
        yield judged[start : start + _SETTLED_AT_ONCE]


def _tell_rejected(
    tx: Transaction,
    event_id: str,
    connection_id: str,
    reason: str,
    correlation_id: str | None = None,
) -> None:
    tx.emit(
        WebhookRejected(webhook_event_id=event_id, connection_id=connection_id, reason=reason),
        correlation_id=correlation_id or event_id,
    )


def portions(messages: Sequence[InboundMessage]) -> Iterator[list[InboundMessage]]:
    """The messages in order, in portions that the bus carries."""
    portion: list[InboundMessage] = []
    size = 0
    for message in messages:
        bytes_ = message.ByteSize()
        if portion and (len(portion) == _MESSAGES_AT_ONCE or size + bytes_ > _BYTES_AT_ONCE):
            yield portion
            portion, size = [], 0
        portion.append(message)
        size += bytes_
    if portion:
        yield portion
