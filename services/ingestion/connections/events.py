"""What connections react to."""

from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionUpdated

from services.ingestion.connections.directory import Connections
from services.kit.call import Call
from services.kit.context import hear


@hear(ConnectionCreated)
async def notice_connection(
    call: Call, event: ConnectionCreated, *, connections: Connections
) -> None:
    """Stop taking a new connection for unknown."""
    _forget(event.connection, connections)


@hear(ConnectionUpdated)
async def drop_connection(
    call: Call, event: ConnectionUpdated, *, connections: Connections
) -> None:
    """Read a changed connection again."""
    _forget(event.connection, connections)


def _forget(connection: Connection, connections: Connections) -> None:
    connections.forget(connection.id, connection.channel, connection.external_id)
