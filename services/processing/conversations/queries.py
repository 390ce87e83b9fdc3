"""Conversations, what is said in them, and everything that happened under one correlation."""

from malha.ingestion.v1.delivery_service_pb2 import ListDeliveriesRequest
from malha.ingestion.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from malha.ingestion.v1.webhook_event_pb2 import WebhookEvent
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsRequest
from malha.ingestion.v1.webhook_event_service_pb2_grpc import WebhookEventServiceStub
from malha.processing.v1.conversation_pb2 import Conversation, ConversationStatus
from malha.processing.v1.conversation_service_pb2 import (
    FindStoredMessagesRequest,
    FindStoredMessagesResponse,
    GetConversationRequest,
    GetTimelineRequest,
    ListConversationsRequest,
    ListConversationsResponse,
    ListMessagesRequest,
    ListMessagesResponse,
    Timeline,
)

from services.kit.call import Call
from services.kit.errors import NotFound
from services.kit.pages import Page
from services.kit.sql import load_sql
from services.processing.conversations.commands import ConversationNotFound
from services.processing.conversations.timeline import entries_of
from services.processing.records import conversation_of, message_of

sql = load_sql(__package__, "conversations.sql")

_EVENTS = 200
_STATUSES = {
    ConversationStatus.CONVERSATION_STATUS_OPEN: "open",
    ConversationStatus.CONVERSATION_STATUS_RESOLVED: "resolved",
}


class TimelineNotFound(NotFound):
    """Nothing happened under the correlation {correlation_id}."""


async def list_conversations(
    call: Call, request: ListConversationsRequest
) -> ListConversationsResponse:
    """Conversations of the caller's workspace, the most recently active first."""
    page = Page.of(request)
    async with call.transaction() as tx:
        rows = await tx.all(
            sql.list_conversations,
            call.workspace_id,
            _STATUSES.get(request.status),
            request.connection_id or None,
            *page.values(2),
            page.limit,
        )
    shown, next_page_token = page.cut(rows, by=("last_message_time", "id"))
    return ListConversationsResponse(
        conversations=[conversation_of(row) for row in shown], next_page_token=next_page_token
    )


async def get_conversation(call: Call, request: GetConversationRequest) -> Conversation:
    """One conversation of the caller's workspace."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.conversation,
            request.id,
            call.workspace_id,
            missing=ConversationNotFound(id=request.id),
        )
    return conversation_of(row)


async def list_messages(call: Call, request: ListMessagesRequest) -> ListMessagesResponse:
    """Messages of a conversation, newest first."""
    page = Page.of(request)
    async with call.transaction() as tx:
        await tx.one(
            sql.conversation,
            request.conversation_id,
            call.workspace_id,
            missing=ConversationNotFound(id=request.conversation_id),
        )
        rows = await tx.all(sql.list_messages, request.conversation_id, page.after, page.limit)
    shown, next_page_token = page.cut(rows, by="id")
    return ListMessagesResponse(
        messages=[message_of(row) for row in shown], next_page_token=next_page_token
    )


async def find_stored_messages(
    call: Call, request: FindStoredMessagesRequest
) -> FindStoredMessagesResponse:
    """Which of these messages are stored."""
    async with call.transaction() as tx:
        rows = await tx.all(sql.stored_messages, list(request.message_ids))
    return FindStoredMessagesResponse(message_ids=[row["id"] for row in rows])


async def get_timeline(call: Call, request: GetTimelineRequest) -> Timeline:
    """Everything under one correlation: its webhook, its messages, their turn and its delivery."""
    async with call.transaction() as tx:
        turns = await tx.all(sql.timeline_turns, request.correlation_id, call.workspace_id)
        messages = await tx.all(
            sql.timeline_messages,
            request.correlation_id,
            [turn["id"] for turn in turns],
            call.workspace_id,
        )
    # The answer to a burst runs under the correlation of the burst's newest message.
    answers = {turn["correlation_id"] for turn in turns} - {request.correlation_id}
    webhooks = await _webhook_events(call, request.correlation_id)
    if not (messages or turns or webhooks):
        raise TimelineNotFound(correlation_id=request.correlation_id)
    for correlation_id in sorted(answers):
        webhooks += [
            event for event in await _webhook_events(call, correlation_id) if event.kind == "status"
        ]
    deliveries = call.stub(DeliveryServiceStub)
    attempts = {
        delivery.message_id: delivery
        for correlation_id in sorted(answers | {request.correlation_id})
        for delivery in (
            await deliveries.ListDeliveries(ListDeliveriesRequest(correlation_id=correlation_id))
        ).deliveries
    }
    conversations = [row["conversation_id"] for row in (*turns, *messages)]
    return Timeline(
        correlation_id=request.correlation_id,
        conversation_id=conversations[0] if conversations else "",
        entries=entries_of(webhooks, messages, turns, attempts),
    )


async def _webhook_events(call: Call, correlation_id: str) -> list[WebhookEvent]:
    found = await call.stub(WebhookEventServiceStub).ListWebhookEvents(
        ListWebhookEventsRequest(correlation_id=correlation_id, page_size=_EVENTS)
    )
    return list(found.webhook_events)
