"""The ledger as its owner reads it, and the handshake of a new subscription."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from malha.ingestion.v1.webhook_event_pb2 import WebhookEvent, WebhookStatus
from malha.ingestion.v1.webhook_event_service_pb2 import (
    GetWebhookEventRequest,
    ListWebhookEventsRequest,
    ListWebhookEventsResponse,
)
from malha.ingestion.v1.webhook_service_pb2 import (
    VerifySubscriptionRequest,
    VerifySubscriptionResponse,
)

from services.ingestion.connections.directory import Connections
from services.ingestion.connections.model import ConnectionNotFound
from services.kit.call import Call
from services.kit.db import Record
from services.kit.errors import NotFound
from services.kit.pages import Page
from services.kit.rows import from_row
from services.kit.sql import load_sql
from services.kit.times import time_of

sql = load_sql(__package__, "webhooks.sql")

_FIRST = (datetime(1, 1, 1, tzinfo=UTC), str(UUID(int=0)))
_LAST = (datetime(9999, 12, 31, tzinfo=UTC), str(UUID(int=(1 << 128) - 1)))


class WebhookEventNotFound(NotFound):
    """No webhook event has the id {id}."""


async def list_webhook_events(
    call: Call, request: ListWebhookEventsRequest
) -> ListWebhookEventsResponse:
    """Webhook events of the caller's workspace, newest first unless asked otherwise."""
    page = Page.of(request, call)
    rows = await _events(call, request, page)
    shown, next_page_token = page.cut(rows, by=("receive_time", "id"))
    return ListWebhookEventsResponse(
        webhook_events=[from_row(WebhookEvent, row) for row in shown],
        next_page_token=next_page_token,
    )


async def _events(call: Call, request: ListWebhookEventsRequest, page: Page) -> Sequence[Record]:
    """The page's rows, by the query that has an index for what is asked."""
    start = _FIRST if request.order_by == "receive_time" else _LAST
    wanted = (
        call.workspace_id,
        request.connection_id or None,
        time_of(request, "since") or _FIRST[0],
        time_of(request, "until") or _LAST[0],
        *(page.cursor or start),
        page.limit,
    )
    status = _stored_status(request.status) if request.status else None
    if correlation := request.correlation_id:
        query = page.directed(sql.list_correlated_events)
        return await call.all(query, *wanted, status, correlation, _event_id(correlation))
    match status:
        case "rejected":
            return await call.all(page.directed(sql.list_rejected_events), *wanted)
        case "queued":
            return await call.all(page.directed(sql.list_queued_events), *wanted)
    return await call.all(page.directed(sql.list_webhook_events), *wanted, status)


async def get_webhook_event(call: Call, request: GetWebhookEventRequest) -> WebhookEvent:
    """One webhook event of the caller's workspace, with its payload."""
    row: dict[str, Any] = dict(
        await call.one(
            sql.webhook_event,
            request.id,
            call.workspace_id,
            missing=WebhookEventNotFound(id=request.id),
        )
    )
    # What was refused may be anything, and may end in the middle of a character.
    row["payload"] = row["payload"].decode(errors="replace")
    return from_row(WebhookEvent, row)


async def verify_subscription(
    call: Call, request: VerifySubscriptionRequest, *, connections: Connections
) -> VerifySubscriptionResponse:
    """The challenge, for whoever shows the connection's verify token."""
    connection = await connections.by_id(request.connection_id)
    if connection is None or connection.channel.slug != request.channel:
        raise ConnectionNotFound(id=request.connection_id)
    challenge = connection.channel.handshake(dict(request.query), connection.config)
    return VerifySubscriptionResponse(challenge=challenge)


def _stored_status(status: WebhookStatus) -> str:
    return WebhookStatus.Name(status).removeprefix("WEBHOOK_STATUS_").lower()


def _event_id(correlation_id: str) -> str | None:
    try:
        return str(UUID(correlation_id))
    except ValueError:
        return None
