"""What people and partners change of a conversation: settled or open, and who answers."""

from __future__ import annotations

from datetime import datetime

from malha.processing.v1.conversation_pb2 import Conversation, ConversationStatus, Handler
from malha.processing.v1.conversation_service_pb2 import UpdateConversationRequest

from services.kit.call import Call
from services.kit.db import Transaction
from services.kit.errors import FailedPrecondition, NotFound
from services.kit.etags import require_etag
from services.kit.sql import load_sql
from services.processing.conversations.handover import hand_back, take_over, tell_update
from services.processing.records import conversation_of
from services.processing.settings import ProcessingSettings
from services.processing.timers import BufferTimers, Place

sql = load_sql(__package__, "conversations.sql")


class ConversationNotFound(NotFound):
    """No conversation has the id {id}."""


class AssistantMissing(FailedPrecondition):
    """The conversation {id} has no assistant that could answer."""


async def change(
    tx: Transaction,
    call: Call,
    request: UpdateConversationRequest,
    timers: BufferTimers,
    now: datetime,
    settings: ProcessingSettings,
) -> Conversation:
    """Change what is set. Raises ConversationNotFound, EtagMismatch, AssistantMissing."""
    row = await tx.one(
        sql.lock_conversation,
        request.id,
        call.workspace_id,
        missing=ConversationNotFound(id=request.id),
    )
    require_etag(request, conversation_of(row))
    changed = False
    if request.HasField("handler"):
        if request.handler == Handler.HANDLER_PERSON:
            changed = await take_over(tx, row["id"], now)
        elif row["assistant_id"] is None:
            raise AssistantMissing(id=row["id"])
        elif row["handler"] != "assistant":
            place = Place(call.tenant_id, row["workspace_id"], row["id"])
            await hand_back(tx, place, timers, now, settings)
            changed = True
    if request.HasField("status"):
        status = (
            ConversationStatus.Name(request.status).removeprefix("CONVERSATION_STATUS_").lower()
        )
        if status != row["status"]:
            await tx.run(sql.set_status, row["id"], status, now)
            changed = True
    return conversation_of(await tell_update(tx, row["id"]) if changed else row)
