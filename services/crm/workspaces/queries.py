"""What is read of workspaces."""

from malha.crm.v1.workspace_pb2 import Workspace
from malha.crm.v1.workspace_service_pb2 import (
    GetWorkspaceRequest,
    ListWorkspacesRequest,
    ListWorkspacesResponse,
)

from services.crm.workspaces.model import WorkspaceNotFound, workspace_of
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "workspaces.sql")


async def list_workspaces(call: Call, request: ListWorkspacesRequest) -> ListWorkspacesResponse:
    """One page of workspaces, newest first."""
    page = Page.of(request, call)
    rows = await call.all(page.directed(sql.list_workspaces), page.after, page.limit)
    shown, token = page.cut(rows, by="id")
    return ListWorkspacesResponse(
        workspaces=[workspace_of(row) for row in shown], next_page_token=token
    )


async def get_workspace(call: Call, request: GetWorkspaceRequest) -> Workspace:
    """One workspace."""
    missing = WorkspaceNotFound(id=request.id)
    return workspace_of(await call.one(sql.get_workspace, request.id, missing=missing))
