"""What connections react to."""

from malha.assistants.v1.events_pb2 import AssistantDeleted
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionDeleted, ConnectionUpdated

from services.ingestion.connections.directory import Connections
from services.ingestion.connections.model import WebhookURLs
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import hear, on
from services.kit.sql import load_sql

sql = load_sql(__package__, "connections.sql")


@on(AssistantDeleted)
async def release_connections(
    call: Call, event: AssistantDeleted, *, clock: Clock, urls: WebhookURLs
) -> None:
    """Leave the connections of a deleted assistant to people."""
    async with call.transaction() as tx:
        for row in await tx.all(sql.release_connections, event.assistant_id, clock.now()):
            tx.emit(ConnectionUpdated(connection=urls.shown(row)))


@hear(ConnectionCreated)
async def notice_connection(
    call: Call, event: ConnectionCreated, *, connections: Connections
) -> None:
    """Stop taking a new connection for unknown."""
    connections.forget(event.connection)


@hear(ConnectionUpdated)
async def drop_connection(
    call: Call, event: ConnectionUpdated, *, connections: Connections
) -> None:
    """Read a changed connection again."""
    connections.forget(event.connection)


@hear(ConnectionDeleted)
async def drop_deleted_connection(
    call: Call, event: ConnectionDeleted, *, connections: Connections
) -> None:
    """Know no longer of a connection that was deleted."""
    connections.forget(event.connection)
