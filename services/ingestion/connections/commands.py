"""Connecting channels, changing connections, and disconnecting them."""

from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.connection_service_pb2 import (
    CreateConnectionRequest,
    DeleteConnectionRequest,
    UpdateConnectionRequest,
)
from malha.ingestion.v1.events_pb2 import ConnectionCreated, ConnectionDeleted, ConnectionUpdated

from services.ingestion.channels import CHANNELS
from services.ingestion.channels.base import HTTP
from services.ingestion.connections.directory import Connections, open_config, seal_config
from services.ingestion.connections.model import (
    AssistantNotFound,
    ConnectionAlreadyExists,
    ConnectionNotFound,
    WebhookURLs,
    entered,
    read_config,
    renew_config,
    stored_status,
)
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.errors import InvalidArgument, InvalidRequest, NotFound
from services.kit.etags import require_etag
from services.kit.ids import new_id
from services.kit.limits import keep_within
from services.kit.sql import load_sql

sql = load_sql(__package__, "connections.sql")

_NAME_SECONDS = 3.0
_ALL_WORKSPACES = ""


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
    fields = entered(request.config)
    config = read_config(channel, fields)
    await _check_assistant(call, request.assistant_id)
    display_name = request.display_name or (
        await channel.account_name(config, http, deadline=min(_NAME_SECONDS, call.remaining() / 2))
        or channel.slug
    )

    connection_id = new_id()
    async with call.transaction() as tx:
        await keep_within(
            tx, "connections", call.limits.connections, sql.count_connections, _ALL_WORKSPACES
        )
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
            seal_config(sealer, call.tenant_id, connection_id, fields),
            clock.now(),
        )
        connection = urls.shown(row)
        tx.emit(ConnectionCreated(connection=connection))
        tx.after_commit(lambda: connections.forget(connection))
    return connection


async def update_connection(
    call: Call,
    request: UpdateConnectionRequest,
    *,
    sealer: Sealer,
    connections: Connections,
    clock: Clock,
    urls: WebhookURLs,
) -> Connection:
    """Change a connection's name, assistant, status or secrets."""
    await _check_assistant(call, request.assistant_id)
    now, config = clock.now(), None
    async with call.transaction() as tx:
        held = await tx.one(
            sql.lock_connection,
            request.id,
            call.workspace_id,
            missing=ConnectionNotFound(id=request.id),
        )
        require_etag(request, urls.shown(held))
        if request.HasField("config"):
            sealed = await tx.one(sql.sealed_connection, request.id)
            stored = open_config(sealer, sealed)
            channel = CHANNELS[sealed["channel"]]
            renewed = renew_config(channel, stored, entered(request.config), now)
            config = seal_config(sealer, sealed["tenant_id"], sealed["id"], renewed)
        row = await tx.one(
            sql.update_connection,
            request.id,
            request.display_name if request.HasField("display_name") else None,
            stored_status(request.status) if request.HasField("status") else None,
            request.assistant_id or None,
            request.HasField("assistant_id") and not request.assistant_id,
            config,
            now,
        )
        connection = urls.shown(row)
        tx.emit(ConnectionUpdated(connection=connection))
        tx.after_commit(lambda: connections.forget(connection))
    return connection


async def delete_connection(
    call: Call,
    request: DeleteConnectionRequest,
    *,
    connections: Connections,
    clock: Clock,
    urls: WebhookURLs,
) -> Empty:
    """Disconnect a channel for good: erase its secrets, and let go of its account."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.delete_connection,
            request.id,
            call.workspace_id,
            clock.now(),
            missing=ConnectionNotFound(id=request.id),
        )
        await tx.run(sql.delete_route, request.id)
        connection = urls.shown(row)
        tx.emit(ConnectionDeleted(connection=connection))
        tx.after_commit(lambda: connections.forget(connection))
    return Empty()


async def _check_assistant(call: Call, assistant_id: str) -> None:
    if not assistant_id:
        return
    try:
        await call.stub(AssistantServiceStub).GetAssistant(GetAssistantRequest(id=assistant_id))
    except NotFound:
        raise AssistantNotFound(id=assistant_id) from None
    except InvalidArgument:
        raise InvalidRequest([("assistant_id", "must be a UUID, or empty")]) from None
