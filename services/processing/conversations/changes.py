"""What people and partners change of a conversation: settled or open, and who answers."""

from __future__ import annotations

from datetime import datetime

from malha.ingestion.v1.connection_service_pb2 import GetConnectionRequest
from malha.ingestion.v1.connection_service_pb2_grpc import ConnectionServiceStub
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


async def assistant_to_answer(call: Call, request: UpdateConversationRequest) -> str | None:
    """Whom a hand-back gives the conversation to: the assistant that its connection has now.

    The last message may know another one, or none. To be asked outside of any transaction. Raises
    ConversationNotFound, Unavailable.
    """
    if request.handler != Handler.HANDLER_ASSISTANT:
        return None
    row = await call.one(
        sql.conversation,
        request.id,
        call.workspace_id,
        missing=ConversationNotFound(id=request.id),
    )
    try:
        connection = await call.stub(ConnectionServiceStub).GetConnection(
            GetConnectionRequest(id=row["connection_id"])
        )
    except NotFound:
        return None  # Disconnected for good.
    return connection.assistant_id or None


async def change(
    tx: Transaction,
    call: Call,
    request: UpdateConversationRequest,
    assistant_id: str | None,
    timers: BufferTimers,
    now: datetime,
    settings: ProcessingSettings,
) -> Conversation:
    """Change what is set; `assistant_id` is what assistant_to_answer told.

    Raises ConversationNotFound, EtagMismatch, AssistantMissing.
    """
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
        elif assistant_id is None:
            raise AssistantMissing(id=row["id"])
        elif row["handler"] != "assistant":
            place = Place(call.tenant_id, row["workspace_id"], row["id"])
            await hand_back(tx, place, assistant_id, timers, now, settings)
            changed = True
    if request.HasField("status"):
        status = (
            ConversationStatus.Name(request.status).removeprefix("CONVERSATION_STATUS_").lower()
        )
        if status != row["status"]:
            await tx.run(sql.set_status, row["id"], status, now)
            changed = True
    return conversation_of(await tell_update(tx, row["id"]) if changed else row)
