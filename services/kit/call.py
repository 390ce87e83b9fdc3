"""The one context object of a handler: whose call it is, and the way to the database and peers."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from services.kit.auth import Actor
from services.kit.errors import AppError, DeadlineExceeded
from services.kit.outbox import Stamp

if TYPE_CHECKING:
    from services.kit.db import Database, Transaction
    from services.kit.peers import Peers

S = TypeVar("S")


class NotATenantsCall(AppError):
    """This call belongs to no tenant, or to another one."""


class Call:
    """One RPC, bus message or timer, with its verified identity."""

    __slots__ = (
        "_database",
        "_peers",
        "actor",
        "cause",
        "correlation_id",
        "deadline",
        "readonly",
        "tenant_id",
        "workspace_id",
    )

    def __init__(
        self,
        actor: Actor,
        *,
        database: Database | None = None,
        peers: Peers | None = None,
        tenant_id: str | None = None,
        workspace_id: str | None = None,
        correlation_id: str,
        cause: str = "",
        readonly: bool = False,
        seconds: float = 30.0,
    ) -> None:
        self.actor = actor
        self.tenant_id = actor.tenant_id if tenant_id is None else tenant_id
        self.workspace_id = actor.workspace_id if workspace_id is None else workspace_id
        self.correlation_id = correlation_id
        self.cause = cause
        self.readonly = readonly
        self.deadline = time.monotonic() + seconds
        self._database = database
        self._peers = peers

    def transaction(
        self, *, tenant_id: str | None = None
    ) -> AbstractAsyncContextManager[Transaction]:
        """A transaction of the call's tenant; another tenant's only for Malha's own services."""
        tenant = self.tenant_id if tenant_id is None else tenant_id
        if tenant != self.tenant_id and self.actor.kind not in ("service", "anonymous"):
            raise NotATenantsCall
        assert self._database is not None, "this process has no database"
        return self._database.transaction(self._stamp(tenant), readonly=self.readonly)

    def stub(self, stub: Callable[[Any], S]) -> S:
        """A peer's stub that speaks with this call's tenant, deadline and correlation."""
        assert self._peers is not None, "this process has no peers"
        return self._peers.stub(stub, self)

    def remaining(self) -> float:
        """Seconds until the deadline. Raises DeadlineExceeded when it has passed."""
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise DeadlineExceeded
        return left

    def for_tenant(self, tenant_id: str, workspace_id: str = "") -> Call:
        """The same call on behalf of one tenant: how a service goes from all tenants to one."""
        if self.actor.kind != "service":
            raise NotATenantsCall
        return Call(
            self.actor,
            database=self._database,
            peers=self._peers,
            tenant_id=tenant_id,
            workspace_id=workspace_id,
            correlation_id=self.correlation_id,
            cause=self.cause,
            readonly=self.readonly,
            seconds=self.remaining(),
        )

    def _stamp(self, tenant_id: str) -> Stamp:
        return Stamp(tenant_id, self.workspace_id, self.correlation_id, self.cause)
