"""What a workspace is to everybody, and what may not be done to one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from malha.crm.v1.workspace_pb2 import Workspace

from services.kit.errors import FailedPrecondition, NotFound
from services.kit.etags import with_etag
from services.kit.rows import from_row


class WorkspaceNotFound(NotFound):
    """No workspace has the id {id}."""


class WorkspaceNotEmpty(FailedPrecondition):
    """The workspace still has {what}."""


class LastWorkspace(FailedPrecondition):
    """A business keeps at least one workspace."""


def workspace_of(row: Mapping[str, Any]) -> Workspace:
    """A workspace as everybody sees it."""
    return with_etag(from_row(Workspace, row))
