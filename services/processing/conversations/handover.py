"""From the assistant to a person, and back."""

from __future__ import annotations

from datetime import datetime

from malha.message.v1.message_pb2 import Message
from malha.processing.v1.events_pb2 import ConversationUpdated, MessageStatusChanged

from services.kit.db import Record, Transaction
from services.kit.sql import load_sql
from services.processing.conversations.model import is_collected, triggers
from services.processing.records import conversation_of, message_status
from services.processing.settings import ProcessingSettings
from services.processing.timers import WATCH, BufferTimers, Place

sql = load_sql(__package__, "conversations.sql")

_ANY_WORKSPACE = ""


async def take_over(
    tx: Transaction, conversation_id: str, now: datetime, *, by_person: bool = True
) -> bool:
    """Silence the assistant: what waits is left to the person, and no answer leaves any more.

    Unless it is `by_person`, the assistant that comes next answers again. Returns whether it was
    the assistant who answered until now.
    """
    taken = await tx.one(sql.take_over, conversation_id, now, by_person)
    if taken["cancelled_id"] is not None:
        tx.emit(
            MessageStatusChanged(
                message_id=taken["cancelled_id"],
                conversation_id=conversation_id,
                status=message_status("cancelled"),
                failure_reason="PERSON_TOOK_OVER",
            )
        )
    return bool(taken["changed"])


async def hand_back(
    tx: Transaction,
    place: Place,
    assistant_id: str,
    timers: BufferTimers,
    now: datetime,
    settings: ProcessingSettings,
) -> None:
    """Let an assistant answer again, and have what nobody answered wait for it, due at once.

    The caller holds the conversation's lock.
    """
    id = place.conversation_id
    said = [
        (row["id"], Message.FromString(row["content"]))
        for row in await tx.all(sql.unanswered, id, now - settings.answer_within)
    ]
    waiting = [message_id for message_id, message in said if is_collected(message)]
    asked = any(triggers(message) for _, message in said)
    await tx.run(sql.hand_back, id, now, waiting, asked, assistant_id)
    if asked:
        tx.arm(WATCH, id, now + settings.sweep_after)
        tx.after_commit(lambda: timers.wake(place, now))


async def tell_update(
    tx: Transaction, conversation_id: str, *, correlation_id: str | None = None
) -> Record:
    """Tell the world that a conversation's status or handler changed."""
    row = await tx.one(sql.conversation, conversation_id, _ANY_WORKSPACE)
    tx.emit(ConversationUpdated(conversation=conversation_of(row)), correlation_id=correlation_id)
    return row
