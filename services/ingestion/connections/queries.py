"""What a workspace has connected."""

from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.connection_service_pb2 import (
    CountConnectionsRequest,
    CountConnectionsResponse,
    GetConnectionRequest,
    ListConnectionsRequest,
    ListConnectionsResponse,
)

from services.ingestion.connections.model import ConnectionNotFound, WebhookURLs, stored_status
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "connections.sql")


async def list_connections(
    call: Call, request: ListConnectionsRequest, *, urls: WebhookURLs
) -> ListConnectionsResponse:
    """Connections of the caller's workspace, newest first unless asked otherwise."""
    page = Page.of(request, call)
    rows = await call.all(
        page.directed(sql.list_connections),
        call.workspace_id,
        request.channel or None,
        stored_status(request.status) if request.status else None,
        page.after,
        page.limit,
    )
    shown, next_page_token = page.cut(rows, by="id")
    return ListConnectionsResponse(
        connections=[urls.shown(row) for row in shown], next_page_token=next_page_token
    )


async def get_connection(
    call: Call, request: GetConnectionRequest, *, urls: WebhookURLs
) -> Connection:
    """One connection of the caller's workspace."""
    row = await call.one(
        sql.connection, request.id, call.workspace_id, missing=ConnectionNotFound(id=request.id)
    )
    return urls.shown(row)


async def count_connections(
    call: Call, request: CountConnectionsRequest
) -> CountConnectionsResponse:
    """How many channels the tenant has connected."""
    count = await call.value(sql.count_connections, request.workspace_id)
    return CountConnectionsResponse(count=count)
