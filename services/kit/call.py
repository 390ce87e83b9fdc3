"""The one context object of a handler: whose call it is, and the way to the database and peers."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, TypeVar

from services.kit.auth import OPERATOR, Actor
from services.kit.errors import AppError, DeadlineExceeded
from services.kit.outbox import Stamp

if TYPE_CHECKING:
    from services.kit.db import Database, Record, Transaction
    from services.kit.joined import Joined
    from services.kit.limits import Limits
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
        "address",
        "cause",
        "correlation_id",
        "deadline",
        "joined",
        "readonly",
        "tenant_id",
        "user_agent",
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
        address: str = "",
        user_agent: str = "",
    ) -> None:
        self.actor = actor
        self.address = address
        self.user_agent = user_agent
        self.joined: Joined | None = None
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
        if tenant != self.tenant_id and self.actor.kind not in ("service", OPERATOR, "anonymous"):
            raise NotATenantsCall
        if self.joined is not None and tenant == self.tenant_id:
            return self.joined.transaction()
        assert self._database is not None, "this process has no database"
        return self._database.transaction(self.stamp(tenant), readonly=self.readonly)

    async def all(self, query: str, *args: Any) -> list[Record]:
        """Every row of a single statement that only reads: one round trip, no transaction."""
        assert self._database is not None, "this process has no database"
        if self.joined is not None and self.joined.is_open:
            # What this call has written, no other connection sees yet.
            async with self.joined.transaction() as tx:
                return await tx.all(query, *args)
        return await self._database.read(self.tenant_id, query, *args)

    async def maybe(self, query: str, *args: Any) -> Record | None:
        """The row, if there is one; as `all`."""
        rows = await self.all(query, *args)
        return rows[0] if rows else None

    async def one(self, query: str, *args: Any, missing: AppError | None = None) -> Record:
        """The one row; as `all`. Raises `missing` when there is none."""
        rows = await self.all(query, *args)
        if not rows:
            raise missing or LookupError("the query returned no row")
        return rows[0]

    async def value(self, query: str, *args: Any) -> Any:
        """The first column of the first row, None when there is none; as `all`."""
        rows = await self.all(query, *args)
        return next(iter(rows[0].values())) if rows else None

    @property
    def limits(self) -> Limits:
        """What the tenant's plan permits; nothing limits Malha's own services."""
        return self.actor.limits

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

    def stamp(self, tenant_id: str) -> Stamp:
        """Whose a transaction of this call is, and what it belongs to."""
        return Stamp(tenant_id, self.workspace_id, self.correlation_id, self.cause)
