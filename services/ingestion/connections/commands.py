"""Connecting channels, and changing connections."""

from google.protobuf.json_format import MessageToDict
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.ingestion.v1.connection_pb2 import Connection, ConnectionStatus
from malha.ingestion.v1.connection_service_pb2 import (
    CreateConnectionRequest,
    UpdateConnectionRequest,
)
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionUpdated

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import HTTP
from services.ingestion.connections.directory import Connections, seal_config
from services.ingestion.connections.model import (
    ConnectionAlreadyExists,
    ConnectionNotFound,
    WebhookURLs,
    read_config,
)
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.errors import InvalidRequest, NotFound
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "connections.sql")

_NAME_SECONDS = 3.0


async def create_connection(
    call: Call,
    request: CreateConnectionRequest,
    *,
    sealer: Sealer,
    connections: Connections,
    http: HTTP,
    clock: Clock,
    urls: WebhookURLs,
) -> Connection:
    """Connect a channel's account to the caller's workspace."""
    channel = CHANNELS.get(request.channel)
    if channel is None:
        raise InvalidRequest([("channel", f"must be one of: {', '.join(sorted(CHANNELS))}")])
    entered = MessageToDict(request.config)
    config = read_config(channel, entered)
    await _check_assistant(call, request.assistant_id)
    display_name = request.display_name or (
        await channel.account_name(config, http, deadline=min(_NAME_SECONDS, call.remaining() / 2))
        or channel.slug
    )

    connection_id = new_id()
    async with call.transaction() as tx:
        if not await tx.run(sql.insert_route, connection_id, channel.slug, config.external_id):
            raise ConnectionAlreadyExists(channel=channel.slug)
        row = await tx.one(
            sql.insert_connection,
            connection_id,
            call.workspace_id,
            channel.slug,
            display_name,
            config.external_id,
            config.account_id,
            request.assistant_id or None,
            seal_config(sealer, call.tenant_id, connection_id, entered),
            clock.now(),
        )
        connection = urls.added_to(Connection(**row))
        tx.emit(ConnectionCreated(connection=connection))
        tx.after_commit(lambda: connections.forget(connection.id, channel.slug, config.external_id))
    return connection


async def update_connection(
    call: Call,
    request: UpdateConnectionRequest,
    *,
    connections: Connections,
    clock: Clock,
    urls: WebhookURLs,
) -> Connection:
    """Change a connection's name, assistant or status."""
    await _check_assistant(call, request.assistant_id)
    async with call.transaction() as tx:
        row = await tx.one(
            sql.update_connection,
            request.id,
            call.workspace_id,
            request.display_name if request.HasField("display_name") else None,
            _stored_status(request.status) if request.HasField("status") else None,
            request.assistant_id or None,
            request.HasField("assistant_id") and not request.assistant_id,
            clock.now(),
            missing=ConnectionNotFound(id=request.id),
        )
        connection = urls.added_to(Connection(**row))
        tx.emit(ConnectionUpdated(connection=connection))
        tx.after_commit(
            lambda: connections.forget(connection.id, connection.channel, connection.external_id)
        )
    return connection


async def _check_assistant(call: Call, assistant_id: str) -> None:
    if not assistant_id:
        return
    try:
        await call.stub(AssistantServiceStub).GetAssistant(GetAssistantRequest(id=assistant_id))
    except NotFound:
        raise InvalidRequest([("assistant_id", "no assistant has this id")]) from None


def _stored_status(status: int) -> str:
    return ConnectionStatus.Name(status).removeprefix("CONNECTION_STATUS_").lower()
