"""From the assistant to a person."""

from __future__ import annotations

from datetime import datetime

from malha.processing.v1.events_pb2 import MessageStatusChanged

from services.kit.db import Transaction
from services.kit.sql import load_sql
from services.processing.records import message_status

sql = load_sql(__package__, "conversations.sql")


async def take_over(tx: Transaction, conversation_id: str, now: datetime) -> None:
    """Silence the assistant: what waits is left to the person, and no answer leaves any more."""
    for row in await tx.all(sql.take_over, conversation_id, now):
        tx.emit(
            MessageStatusChanged(
                message_id=row["id"],
                conversation_id=conversation_id,
                status=message_status("cancelled"),
                failure_reason="PERSON_TOOK_OVER",
            )
        )
