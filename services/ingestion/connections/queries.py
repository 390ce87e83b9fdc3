"""What a workspace has connected."""

from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.connection_service_pb2 import (
    GetConnectionRequest,
    ListConnectionsRequest,
    ListConnectionsResponse,
)

from services.ingestion.connections.model import ConnectionNotFound, WebhookURLs
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "connections.sql")


async def list_connections(
    call: Call, request: ListConnectionsRequest, *, urls: WebhookURLs
) -> ListConnectionsResponse:
    """Connections of the caller's workspace, newest first."""
    page = Page.of(request)
    async with call.transaction() as tx:
        rows = await tx.all(sql.list_connections, call.workspace_id, page.after, page.limit)
    shown, next_page_token = page.cut(rows, by="id")
    return ListConnectionsResponse(
        connections=[urls.added_to(Connection(**row)) for row in shown],
        next_page_token=next_page_token,
    )


async def get_connection(
    call: Call, request: GetConnectionRequest, *, urls: WebhookURLs
) -> Connection:
    """One connection of the caller's workspace."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.connection,
            request.id,
            call.workspace_id,
            missing=ConnectionNotFound(id=request.id),
        )
    return urls.added_to(Connection(**row))
