"""Conversations, what is said in them, and everything that happened under one correlation."""

from datetime import UTC, datetime
from functools import cache
from typing import Any

from malha.ingestion.v1.delivery_service_pb2 import ListDeliveriesRequest
from malha.ingestion.v1.delivery_service_pb2_grpc import DeliveryServiceStub
from malha.ingestion.v1.webhook_event_pb2 import WebhookEvent
from malha.ingestion.v1.webhook_event_service_pb2 import ListWebhookEventsRequest
from malha.ingestion.v1.webhook_event_service_pb2_grpc import WebhookEventServiceStub
from malha.processing.v1.conversation_pb2 import (
    Conversation,
    ConversationMessage,
    ConversationStatus,
    Direction,
    Handler,
)
from malha.processing.v1.conversation_service_pb2 import (
    FindStoredMessagesRequest,
    FindStoredMessagesResponse,
    GetConversationRequest,
    GetMessageRequest,
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
from services.kit.times import time_of
from services.processing.conversations.changes import ConversationNotFound
from services.processing.conversations.timeline import entries_of
from services.processing.records import conversation_of, message_of

sql = load_sql(__package__, "conversations.sql")

_EVENTS = 200
# What a conversation's lane is made of; see the migration.
_STATUSES = {
    ConversationStatus.CONVERSATION_STATUS_OPEN: 0,
    ConversationStatus.CONVERSATION_STATUS_RESOLVED: 2,
}
_HANDLERS = {Handler.HANDLER_ASSISTANT: 0, Handler.HANDLER_PERSON: 1}
_DIRECTIONS = {
    Direction.DIRECTION_INBOUND: "inbound",
    Direction.DIRECTION_OUTBOUND: "outbound",
}
# The filters by how few conversations they leave, each with what makes its index lead. A plan that
# serves every filter ("no connection asked for, or this one") would serve none of them well.
_LEADS = (
    (
        "participant_id",
        "c.participant_id = $5 AND c.connection_id ="
        " (SELECT connection_id FROM processing.participants WHERE id = $5)",
    ),
    ("connection_id", "c.connection_id = $3"),
    ("assistant_id", "c.assistant_id = $4"),
)
_LEAD_OF_WORKSPACE = "c.workspace_id = nullif($1, '')::uuid"


class MessageNotFound(NotFound):
    """No message has the id {id} in this conversation."""


class TimelineNotFound(NotFound):
    """Nothing happened under the correlation {correlation_id}."""


async def list_conversations(
    call: Call, request: ListConversationsRequest
) -> ListConversationsResponse:
    """Conversations of the caller's workspace, the most recently active first unless asked."""
    page = Page.of(request, call)
    lead = next((sql_ for field, sql_ in _LEADS if getattr(request, field)), "")
    rows = await call.all(
        page.directed(_led(lead or (_LEAD_OF_WORKSPACE if call.workspace_id else "true"))),
        call.workspace_id,
        _lanes(request),
        request.connection_id or None,
        request.assistant_id or None,
        request.participant_id or None,
        *(page.cursor or _before_the_first(request)),
        page.limit,
    )
    shown, next_page_token = page.cut(rows, by=("last_message_time", "id"))
    return ListConversationsResponse(
        conversations=[conversation_of(row) for row in shown], next_page_token=next_page_token
    )


async def get_conversation(call: Call, request: GetConversationRequest) -> Conversation:
    """One conversation of the caller's workspace."""
    row = await call.one(
        sql.conversation,
        request.id,
        call.workspace_id,
        missing=ConversationNotFound(id=request.id),
    )
    return conversation_of(row)


async def list_messages(call: Call, request: ListMessagesRequest) -> ListMessagesResponse:
    """Messages of a conversation, the newest first unless asked otherwise."""
    page = Page.of(request, call)
    _, outermost_id = _before_the_first(request)
    rows = await call.all(
        page.directed(sql.list_messages),
        request.conversation_id,
        call.workspace_id,
        _DIRECTIONS.get(request.direction),
        time_of(request, "since"),
        time_of(request, "until"),
        page.after or outermost_id,
        page.limit,
    )
    if not rows:
        raise ConversationNotFound(id=request.conversation_id)
    shown, next_page_token = page.cut([row for row in rows if row["id"]], by="id")
    return ListMessagesResponse(
        messages=[message_of(row) for row in shown], next_page_token=next_page_token
    )


async def get_message(call: Call, request: GetMessageRequest) -> ConversationMessage:
    """One message of a conversation."""
    row = await call.one(
        sql.message,
        request.conversation_id,
        request.id,
        call.workspace_id,
        missing=MessageNotFound(id=request.id),
    )
    return message_of(row)


async def find_stored_messages(
    call: Call, request: FindStoredMessagesRequest
) -> FindStoredMessagesResponse:
    """Which of these messages are stored."""
    rows = await call.all(sql.stored_messages, list(request.message_ids))
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


def _lanes(request: ListConversationsRequest) -> list[int]:
    statuses = [_STATUSES[request.status]] if request.status else [*_STATUSES.values()]
    handlers = [_HANDLERS[request.handler]] if request.handler else [*_HANDLERS.values()]
    return [status + handler for status in statuses for handler in handlers]


@cache
def _led(lead: str) -> str:
    return sql.list_conversations.replace("true /*led*/", lead)


def _before_the_first(request: ListConversationsRequest | ListMessagesRequest) -> tuple[Any, str]:
    """A keyset that everything comes after. With NULL for it no index would find the others."""
    if not request.order_by or request.order_by.endswith(" desc"):
        return datetime.max.replace(tzinfo=UTC), "ffffffff-ffff-ffff-ffff-ffffffffffff"
    return datetime.min.replace(tzinfo=UTC), "00000000-0000-0000-0000-000000000000"
