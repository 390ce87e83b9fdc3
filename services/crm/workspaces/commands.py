"""What changes workspaces."""

import asyncio

from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_service_pb2 import CountAssistantsRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.crm.v1.events_pb2 import AccessChanged
from malha.crm.v1.workspace_pb2 import Workspace
from malha.crm.v1.workspace_service_pb2 import (
    CreateWorkspaceRequest,
    DeleteWorkspaceRequest,
    UpdateWorkspaceRequest,
)
from malha.ingestion.v1.connection_service_pb2 import CountConnectionsRequest
from malha.ingestion.v1.connection_service_pb2_grpc import ConnectionServiceStub

from services.crm.mail.outbox import MailOutbox
from services.crm.mail.withdrawal import withdraw
from services.crm.workspaces.model import (
    LastWorkspace,
    WorkspaceNotEmpty,
    WorkspaceNotFound,
    workspace_of,
)
from services.kit.call import Call
from services.kit.db import Transaction
from services.kit.etags import require_etag
from services.kit.ids import new_id
from services.kit.limits import keep_within
from services.kit.sql import load_sql

sql = load_sql(__package__, "workspaces.sql")


async def create_workspace(call: Call, request: CreateWorkspaceRequest) -> Workspace:
    """A workspace that holds nothing yet."""
    async with call.transaction() as tx:
        await keep_within(tx, "workspaces", call.limits.workspaces, sql.count_workspaces)
        return workspace_of(await tx.one(sql.insert_workspace, new_id(), request.name))


async def update_workspace(call: Call, request: UpdateWorkspaceRequest) -> Workspace:
    """The workspace with what is set in the request."""
    name = request.name if request.HasField("name") else None
    async with call.transaction() as tx:
        require_etag(request, await _lock(tx, request.id))
        return workspace_of(await tx.one(sql.update_workspace, request.id, name))


async def delete_workspace(
    call: Call, request: DeleteWorkspaceRequest, *, mails: MailOutbox
) -> Empty:
    """Remove a workspace that holds nothing any more, with what cannot be used any more."""
    await _require_unused(call, request.id)
    async with call.transaction() as tx:
        await tx.serialize("workspaces")  # Or two could each be the last but one.
        await _lock(tx, request.id)
        if await tx.value(sql.count_workspaces) == 1:
            raise LastWorkspace
        contents = await tx.one(sql.count_contents, request.id)
        for what, count in contents.items():
            if count:
                raise WorkspaceNotEmpty(what=what)
        await tx.run(sql.delete_dead_keys, request.id)
        await tx.run(sql.delete_sessions, request.id)
        await withdraw(tx, mails, await tx.all(sql.delete_invitations, request.id))
        await tx.run(sql.delete_workspace, request.id)
        # About all of the tenant: a token may name a workspace that its session has left.
        tx.emit(AccessChanged())
    return Empty()


async def _require_unused(call: Call, workspace_id: str) -> None:
    assistants, connections = await asyncio.gather(
        call.stub(AssistantServiceStub).CountAssistants(
            CountAssistantsRequest(workspace_id=workspace_id)
        ),
        call.stub(ConnectionServiceStub).CountConnections(
            CountConnectionsRequest(workspace_id=workspace_id)
        ),
    )
    if assistants.count:
        raise WorkspaceNotEmpty(what="assistants")
    if connections.count:
        raise WorkspaceNotEmpty(what="connections")


async def _lock(tx: Transaction, workspace_id: str) -> Workspace:
    missing = WorkspaceNotFound(id=workspace_id)
    return workspace_of(await tx.one(sql.lock_workspace, workspace_id, missing=missing))
