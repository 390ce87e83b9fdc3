"""Sending messages: each is claimed, sent once, and recorded."""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.events_pb2 import DeliveriesUpdated, DeliveryUpdate
from malha.message.v1.message_pb2 import Message
from malha.processing.v1.turn_service_pb2 import ClaimReplyRequest
from malha.processing.v1.turn_service_pb2_grpc import TurnServiceStub
from prometheus_client import Counter, Histogram

from services.ingestion.channels.base import (
    HTTP,
    ExternalId,
    NotSent,
    OutcomeUnknown,
    Refused,
)
from services.ingestion.connections.directory import Connections, OpenConnection
from services.ingestion.deliveries.model import opaque_of, split_message, wait_before_retry
from services.ingestion.deliveries.statuses import apply_parked
from services.ingestion.settings import IngestionSettings
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Record, Transaction
from services.kit.errors import Unavailable
from services.kit.log import get_logger
from services.kit.sql import load_sql
from services.kit.tenants import Tenants

log = get_logger(__name__)
sql = load_sql(__package__, "deliveries.sql")

TIMER = "delivery"

sends = Counter("malha_sends_total", "Sends, by what came of them.", ["channel", "outcome"])
send_seconds = Histogram("malha_send_seconds", "Time a provider takes for a send.", ["channel"])

# Beyond the time a send may take: what is still `sending` then has nobody waiting for it.
_LEASE_MARGIN = timedelta(seconds=15)
RESUME_AFTER = timedelta(seconds=60)
_INSIST_SECONDS = (0.1, 0.4, 1.0, 2.0, 4.0)


@dataclass(frozen=True, slots=True)
class Claimed:
    """One part of a message that this process, and no other, may send now."""

    command: DeliverMessage
    lane: str
    part: int
    attempt: int
    correlation_id: str


async def deliver_message(
    call: Call,
    command: DeliverMessage,
    *,
    connections: Connections,
    tenants: Tenants,
    http: HTTP,
    clock: Clock,
    settings: IngestionSettings,
) -> None:
    """Send the next part of a message, if it is its turn, and record what came of it."""
    message = command.message
    connection = await connections.by_id(message.channel_id)
    if connection is None or connection.tenant_id != call.tenant_id:
        await _end_unsent(call, command, 1, "failed", "CONNECTION_NOT_FOUND", clock)
        return
    parts = split_message(message, connection.channel)
    if not connection.active:
        await _end_unsent(call, command, len(parts), "failed", "CONNECTION_PAUSED", clock)
        return

    # The fence before the claim: between claim and send nothing else may take time, since whoever
    # dies there leaves behind a message that nobody knows the fate of. Asking again is harmless.
    if command.turn_id:
        fence = await call.stub(TurnServiceStub).ClaimReply(
            ClaimReplyRequest(turn_id=command.turn_id, message_id=message.id)
        )
        if not fence.granted:
            await _end_unsent(call, command, len(parts), "cancelled", fence.reason, clock)
            return
    # After the fence, which keeps an answer until the tenant is served again. Here it would fail.
    if not await tenants.is_served(call):
        await _end_unsent(call, command, len(parts), "failed", "TENANT_SUSPENDED", clock)
        return

    claimed = await _claim(call, command, len(parts), clock, settings)
    if claimed is None:
        return  # Sent before, on its way, not due yet, or behind another one of its conversation.
    record: Callable[[], Awaitable[None]]
    try:
        external_id = await _send(connection, parts[claimed.part], claimed, http, settings)
    except NotSent as error:
        outcome = "not_sent"
        record = partial(_record_not_sent, call, claimed, error, clock, settings)
    except Refused as error:
        outcome, record = "refused", partial(_record_failed, call, claimed, error.reason, clock)
    except OutcomeUnknown as error:
        outcome, record = "unknown", partial(_record_unknown, call, claimed, error.reason, clock)
    else:
        outcome, record = "sent", partial(_record_sent, call, claimed, external_id, clock)
    await _insist(record)
    sends.labels(connection.channel.slug, outcome).inc()


async def _insist(record: Callable[[], Awaitable[None]]) -> None:
    """Record what came of a send, even if the database is away for a moment: nobody else knows."""
    for wait in _INSIST_SECONDS:
        try:
            await record()
            return
        except Unavailable:
            await asyncio.sleep(wait)
    await record()


async def _send(
    connection: OpenConnection,
    part: Message,
    claimed: Claimed,
    http: HTTP,
    settings: IngestionSettings,
) -> ExternalId:
    with send_seconds.labels(connection.channel.slug).time():
        return await connection.channel.send(
            part,
            connection.config,
            http,
            opaque=opaque_of(part.id, claimed.part),
            deadline=settings.send_timeout.total_seconds(),
        )


async def _claim(
    call: Call, command: DeliverMessage, parts: int, clock: Clock, settings: IngestionSettings
) -> Claimed | None:
    """Queue the message unless it was queued before, and take the part that is next."""
    message, lane, now = command.message, _lane(command.message), clock.now()
    async with call.transaction() as tx:
        await tx.value(sql.lock_lane, lane)
        queued = await tx.run(
            sql.queue_delivery,
            message.id,
            parts,
            message.channel_id,
            lane,
            call.correlation_id,
            command.SerializeToString(),
            now,
        )
        row = await tx.maybe(sql.claim_part, lane, message.id, now)
        if row is not None:
            tx.arm(TIMER, message.id, now + lease(settings))
        elif queued:
            tx.arm(TIMER, message.id, now + RESUME_AFTER)
        else:
            await _tell_again(tx, message.id, now)
    if row is None:
        return None
    return Claimed(command, lane, row["part"], row["attempts"], row["correlation_id"])


async def _record_sent(call: Call, claimed: Claimed, external_id: ExternalId, clock: Clock) -> None:
    now, message_id = clock.now(), claimed.command.message.id
    async with call.transaction() as tx:
        await tx.value(sql.lock_lane, claimed.lane)
        await tx.all(sql.lock_external_ids, [external_id])
        row = await tx.one(sql.record_sent, message_id, claimed.part, external_id, now)
        if row["last"]:
            tx.disarm(TIMER, message_id)
            if row["moved"]:
                _emit(tx, message_id, "sent", now, claimed.correlation_id, external_id=external_id)
        after = await release(tx, claimed.lane, now, external_id)
        if after["status"] is not None:
            await apply_parked(tx, message_id, claimed.part, external_id, after)


async def _record_not_sent(
    call: Call, claimed: Claimed, error: NotSent, clock: Clock, settings: IngestionSettings
) -> None:
    if claimed.attempt >= settings.send_attempts:
        await _record_failed(call, claimed, error.reason, clock)
        return
    wait = wait_before_retry(error, claimed.attempt, random.random())
    due, message_id = clock.now() + timedelta(seconds=wait), claimed.command.message.id
    async with call.transaction() as tx:
        if await tx.run(
            sql.record_retry, message_id, claimed.part, claimed.attempt, due, error.reason
        ):
            tx.arm(TIMER, message_id, due)
    log.info("delivery retried", message=message_id, reason=error.reason, seconds=round(wait, 1))


async def _record_failed(call: Call, claimed: Claimed, reason: str, clock: Clock) -> None:
    now, message_id = clock.now(), claimed.command.message.id
    async with call.transaction() as tx:
        await tx.value(sql.lock_lane, claimed.lane)
        if await tx.all(sql.record_failed, message_id, claimed.part, claimed.attempt, reason, now):
            tx.disarm(TIMER, message_id)
            _emit(tx, message_id, "failed", now, claimed.correlation_id, reason=reason)
        await release(tx, claimed.lane, now)
    log.warning("delivery failed", message=message_id, reason=reason, attempt=claimed.attempt)


async def _record_unknown(call: Call, claimed: Claimed, reason: str, clock: Clock) -> None:
    now, message_id = clock.now(), claimed.command.message.id
    async with call.transaction() as tx:
        await tx.value(sql.lock_lane, claimed.lane)
        if await tx.all(sql.record_unknown, message_id, claimed.part, claimed.attempt, reason):
            _emit(tx, message_id, "unknown", now, claimed.correlation_id, reason=reason)
        # The timer stays: it carries on with the parts that follow, or finds nothing to do.
        await release(tx, claimed.lane, now)
    log.warning("delivery unknown", message=message_id, reason=reason, attempt=claimed.attempt)


async def _end_unsent(
    call: Call, command: DeliverMessage, parts: int, status: str, reason: str, clock: Clock
) -> None:
    """End a message that was not sent, unless it was: then a late command changes nothing."""
    message, lane, now = command.message, _lane(command.message), clock.now()
    async with call.transaction() as tx:
        await tx.value(sql.lock_lane, lane)
        ended = await tx.all(
            sql.end_unsent,
            message.id,
            parts,
            message.channel_id,
            lane,
            call.correlation_id,
            now,
            status,
            reason,
        )
        if ended:
            _emit(tx, message.id, status, now, call.correlation_id, reason=reason)
        else:
            await _tell_again(tx, message.id, now)
        await release(tx, lane, now)


async def _tell_again(tx: Transaction, message_id: str, now: datetime) -> None:
    """Say where a message stands: whoever asks for it again may have missed the news."""
    row = await tx.maybe(sql.standing, message_id)
    if row is not None:
        _emit(
            tx,
            message_id,
            row["status"],
            row["update_time"] or now,
            row["correlation_id"],
            external_id=row["external_id"] or "",
            reason=row["reason"],
        )


async def release(
    tx: Transaction, lane: str, now: datetime, external_id: ExternalId | None = None
) -> Record:
    """Let the next message of the lane go; gives what was parked about the one before it."""
    after = await tx.one(sql.after_send, external_id, lane, now)
    if after["command"] is not None:
        send_again(tx, after)
    return after


def send_again(tx: Transaction, queued: Record) -> None:
    """Ask for a queued message to be sent."""
    tx.send(DeliverMessage.FromString(queued["command"]), correlation_id=queued["correlation_id"])


def _emit(
    tx: Transaction,
    message_id: str,
    status: str,
    now: datetime,
    correlation_id: str,
    *,
    external_id: str = "",
    reason: str = "",
) -> None:
    update = DeliveryUpdate(
        message_id=message_id,
        status=f"DELIVERY_STATUS_{status.upper()}",
        external_id=external_id,
        reason=reason,
        update_time=now,
    )
    tx.emit(DeliveriesUpdated(updates=[update]), correlation_id=correlation_id)


def lease(settings: IngestionSettings) -> timedelta:
    """How long a send may be under way before nobody waits for its answer any more."""
    return settings.send_timeout + _LEASE_MARGIN


def _lane(message: Message) -> str:
    """What must leave one after the other: a conversation's messages."""
    return message.conversation_id or message.id
