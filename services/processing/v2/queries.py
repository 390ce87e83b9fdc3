"""What is read of conversations, as version 2 shows it."""

from collections.abc import Sequence

from malha.processing.v1 import conversation_service_pb2 as v1
from malha.processing.v1.conversation_pb2 import Conversation as Version1
from malha.processing.v1.conversation_pb2 import ConversationMessage
from malha.processing.v2.conversation_pb2 import Conversation
from malha.processing.v2.conversation_service_pb2 import (
    GetConversationRequest,
    GetMessageRequest,
    ListConversationsRequest,
    ListConversationsResponse,
    ListMessagesRequest,
    ListMessagesResponse,
)

from services.kit.call import Call
from services.kit.sql import load_sql
from services.processing.conversations import queries
from services.processing.v2.model import expanded

sql = load_sql(__package__, "v2.sql")


async def list_conversations(
    call: Call, request: ListConversationsRequest
) -> ListConversationsResponse:
    """Conversations of the caller's workspace, the most recently active first unless asked."""
    page = await queries.list_conversations(
        call,
        v1.ListConversationsRequest(
            page_size=request.page_size,
            page_token=request.page_token,
            status=request.status,
            connection_id=request.connection_id,
            handler=request.handler,
            assistant_id=request.assistant_id,
            participant_id=request.participant_id,
            order_by=request.order_by,
        ),
    )
    return ListConversationsResponse(
        conversations=await _expand(call, page.conversations),
        next_page_token=page.next_page_token,
    )


async def get_conversation(call: Call, request: GetConversationRequest) -> Conversation:
    """One conversation of the caller's workspace."""
    found = await queries.get_conversation(call, v1.GetConversationRequest(id=request.id))
    (conversation,) = await _expand(call, [found])
    return conversation


async def list_messages(call: Call, request: ListMessagesRequest) -> ListMessagesResponse:
    """Messages of a conversation, the newest first unless asked otherwise."""
    page = await queries.list_messages(
        call,
        v1.ListMessagesRequest(
            conversation_id=request.conversation_id,
            page_size=request.page_size,
            page_token=request.page_token,
            direction=request.direction,
            since=request.since if request.HasField("since") else None,
            until=request.until if request.HasField("until") else None,
            order_by=request.order_by,
        ),
    )
    return ListMessagesResponse(messages=page.messages, next_page_token=page.next_page_token)


async def get_message(call: Call, request: GetMessageRequest) -> ConversationMessage:
    """One message of a conversation."""
    return await queries.get_message(
        call, v1.GetMessageRequest(conversation_id=request.conversation_id, id=request.id)
    )


async def _expand(call: Call, conversations: Sequence[Version1]) -> list[Conversation]:
    ids = [conversation.id for conversation in conversations]
    rows = await call.all(sql.last_messages_and_turns, ids) if ids else []
    beside = {row["asked_id"]: row for row in rows}
    return [expanded(conversation, beside[conversation.id]) for conversation in conversations]
