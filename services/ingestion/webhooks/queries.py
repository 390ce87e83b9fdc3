"""The ledger as its owner reads it, and the handshake of a new subscription."""

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
from services.kit.errors import NotFound
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "webhooks.sql")


class WebhookEventNotFound(NotFound):
    """No webhook event has the id {id}."""


async def list_webhook_events(
    call: Call, request: ListWebhookEventsRequest
) -> ListWebhookEventsResponse:
    """Webhook events of the caller's workspace, newest first."""
    page = Page.of(request)
    async with call.transaction() as tx:
        rows = await tx.all(
            sql.list_webhook_events,
            call.workspace_id,
            _stored_status(request.status) if request.status else None,
            request.connection_id or None,
            request.correlation_id or None,
            _event_id(request.correlation_id),
            page.after,
            page.limit,
        )
    shown, next_page_token = page.cut(rows, by="id")
    return ListWebhookEventsResponse(
        webhook_events=[WebhookEvent(**row) for row in shown],
        next_page_token=next_page_token,
    )


async def get_webhook_event(call: Call, request: GetWebhookEventRequest) -> WebhookEvent:
    """One webhook event of the caller's workspace, with its payload."""
    async with call.transaction() as tx:
        row: dict[str, Any] = dict(
            await tx.one(
                sql.webhook_event,
                request.id,
                call.workspace_id,
                missing=WebhookEventNotFound(id=request.id),
            )
        )
    # What was refused may be anything, and may end in the middle of a character.
    row["payload"] = row["payload"].decode(errors="replace")
    return WebhookEvent(**row)


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
