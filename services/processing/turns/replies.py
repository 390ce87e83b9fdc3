"""A turn's reply: stored, handed to the delivery, or replaced by an apology."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.message.v1.message_pb2 import Party
from malha.processing.v1.conversation_pb2 import (
    AUTHOR_ASSISTANT,
    DIRECTION_OUTBOUND,
    MESSAGE_STATUS_PENDING,
    ConversationMessage,
)
from malha.processing.v1.events_pb2 import ReplyGenerated, TurnFailed

from services.kit.db import Record, Transaction
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.sql import load_sql
from services.processing.records import protocol_message_of, text_message, turn_of
from services.processing.telemetry import turns_ended

log = get_logger(__name__)
sql = load_sql(__package__, "turns.sql")

_APOLOGIES = {
    "pt": (
        "Desculpe, não consegui responder agora. "
        "Por favor, tente de novo em alguns minutos ou aguarde alguém da equipe."
    ),
    "en": (
        "Sorry, I could not answer just now. "
        "Please try again in a few minutes, or wait for somebody of the team."
    ),
}


async def store_reply(
    tx: Transaction,
    turn: Record,
    text: str,
    now: datetime,
    *,
    sources: Sequence[str] = (),
    model: str = "",
    failure_reason: str = "",
) -> Record | None:
    """Make the turn ready with this reply, unless the attempt was superseded or has ended."""
    reply = text_message(
        turn,
        text,
        id=new_id(),
        tenant_id=turn["tenant_id"],
        conversation_id=turn["conversation_id"],
        sender=Party(id=turn["assistant_id"], kind="assistant"),
        now=now,
    )
    ready = await tx.maybe(
        sql.store_reply,
        turn["id"],
        turn["attempt"],
        turn["conversation_id"],
        reply.id,
        reply.SerializeToString(),
        list(sources),
        model,
        failure_reason,
        now,
    )
    if ready is None:
        log.info("reply dropped", turn=turn["id"], attempt=turn["attempt"])
        return None
    correlation = ready["correlation_id"]
    tx.send(
        DeliverMessage(message=reply, turn_id=ready["id"]),
        key=ready["conversation_id"],
        correlation_id=correlation,
    )
    stored = ConversationMessage(
        message=reply,
        direction=DIRECTION_OUTBOUND,
        author=AUTHOR_ASSISTANT,
        status=MESSAGE_STATUS_PENDING,
        turn_id=ready["id"],
        correlation_id=correlation,
        sources=sources,
        create_time=now,
    )
    tx.emit(ReplyGenerated(turn=turn_of(ready), message=stored), correlation_id=correlation)
    return ready


async def apologise(
    tx: Transaction, turn_id: str, attempt: int, reason: str, language: str, now: datetime
) -> None:
    """Tell the customer that there is no answer. It passes the same fence, then the turn fails."""
    turn = await tx.one(sql.turn_to_answer, turn_id)
    if turn["attempt"] != attempt:
        return
    text = _APOLOGIES.get(language.partition("-")[0], _APOLOGIES["pt"])
    if await store_reply(tx, turn, text, now, failure_reason=reason):
        log.error("turn has no answer", turn=turn_id, reason=reason)


async def fail(tx: Transaction, turn: Record, reason: str, now: datetime) -> None:
    """End a turn that nobody can answer, without a word to the customer."""
    failed = await tx.maybe(sql.fail_turn, turn["id"], turn["attempt"], reason, now)
    if failed is not None:
        log.error("turn failed", turn=turn["id"], reason=reason)
        turns_ended.labels("failed").inc()
        tx.emit(TurnFailed(turn=turn_of(failed)), correlation_id=failed["correlation_id"])


async def deliver_again(tx: Transaction, message_id: str) -> None:
    """Ask again to deliver a reply: its id is what makes the send happen once."""
    row = await tx.one(sql.reply, message_id)
    tx.send(
        DeliverMessage(message=protocol_message_of(row), turn_id=row["turn_id"]),
        key=row["conversation_id"],
        correlation_id=row["correlation_id"],
    )


def next_look(now: datetime, due: datetime | None, ask: timedelta, sweep: timedelta) -> datetime:
    """When a conversation with a fresh reply is looked at again: sooner if something waits."""
    return min(now + ask, due + sweep) if due else now + ask
