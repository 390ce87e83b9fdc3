"""The parts of a business that have assistants, channels and conversations of their own."""

from malha.crm.v1 import workspace_service_pb2

from services.crm.workspaces import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "workspaces",
    rpcs=(workspace_service_pb2.DESCRIPTOR.services_by_name["WorkspaceService"],),
    commands=commands,
    queries=queries,
)
