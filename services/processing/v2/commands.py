"""What is done with conversations, as version 2 says it."""

from malha.processing.v1 import conversation_service_pb2 as v1
from malha.processing.v1.conversation_pb2 import ConversationMessage
from malha.processing.v2.conversation_pb2 import Conversation
from malha.processing.v2.conversation_service_pb2 import (
    SendMessageRequest,
    UpdateConversationRequest,
)

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.ratelimit import RateLimiter
from services.kit.sql import load_sql
from services.processing.conversations import commands
from services.processing.conversations.changes import assistant_to_answer, change
from services.processing.settings import ProcessingSettings
from services.processing.timers import BufferTimers
from services.processing.v2.model import expanded

sql = load_sql(__package__, "v2.sql")


async def update_conversation(
    call: Call,
    request: UpdateConversationRequest,
    *,
    timers: BufferTimers,
    clock: Clock,
    settings: ProcessingSettings,
) -> Conversation:
    """Settle a conversation or open it again, hand it to a person or back to the assistant."""
    asked = v1.UpdateConversationRequest(id=request.id, etag=request.etag)
    if request.HasField("status"):
        asked.status = request.status
    if request.HasField("handler"):
        asked.handler = request.handler
    assistant_id = await assistant_to_answer(call, asked)
    async with call.transaction() as tx:
        conversation = await change(tx, call, asked, assistant_id, timers, clock.now(), settings)
        return expanded(conversation, await tx.one(sql.last_messages_and_turns, [conversation.id]))


async def send_message(
    call: Call, request: SendMessageRequest, *, limiter: RateLimiter, clock: Clock
) -> ConversationMessage:
    """Send a text of the business to the customer."""
    return await commands.send_message(
        call,
        v1.SendMessageRequest(
            conversation_id=request.conversation_id, text=request.content.text.body
        ),
        limiter=limiter,
        clock=clock,
    )
