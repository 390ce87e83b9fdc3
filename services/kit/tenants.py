"""What must be known of a tenant to serve it: crm's answer, kept for an hour in Valkey."""

from __future__ import annotations

from datetime import timedelta

from cachetools import LRUCache, TTLCache
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, Tenant
from malha.crm.v1.tenant_service_pb2 import GetTenantRequest
from malha.crm.v1.tenant_service_pb2_grpc import TenantServiceStub

from services.kit.cache import Cache
from services.kit.call import Call
from services.kit.errors import DeadlineExceeded, Unavailable
from services.kit.log import get_logger

log = get_logger(__name__)

_NAME = "config"
_KEPT = timedelta(hours=1)
_MOST = 10_000
# A change is heard at once; this is for the one that was missed.
_KEPT_HERE_SECONDS = 5.0
_ASK_SECONDS = 2.0


class Tenants:
    """Tenants by their calls. Changes that are heard drop what they are about at once.

    When crm does not answer, what was known last is used: a business is not cut off from its
    customers because another service restarts.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._here: TTLCache[str, Tenant] = TTLCache(_MOST, _KEPT_HERE_SECONDS)
        self._last: LRUCache[str, Tenant] = LRUCache(_MOST)
        self._changes = 0

    async def of(self, call: Call) -> Tenant:
        """The call's tenant. Raises Unavailable when nobody knows it."""
        tenant_id = call.tenant_id
        if (known := self._here.get(tenant_id)) is not None:
            return known
        before = self._changes
        tenant = await self._cache.get_message(tenant_id, _NAME, Tenant)
        if tenant is None:
            try:
                tenant = await call.stub(TenantServiceStub).GetTenant(
                    GetTenantRequest(), timeout=_ASK_SECONDS
                )
            except (Unavailable, DeadlineExceeded):
                if tenant_id not in self._last:
                    raise
                log.warning("tenant not refreshed")
                # Kept like an answer, or every message would wait for crm in vain.
                if before == self._changes:
                    self._here[tenant_id] = self._last[tenant_id]
                return self._last[tenant_id]
            if before == self._changes:  # Else it changed while it was asked for: do not keep it.
                await self._cache.put_message(tenant_id, _NAME, tenant, _KEPT)
                if before != self._changes:  # Or while it was written down, after it was dropped.
                    await self._cache.drop(tenant_id, _NAME)
        if before == self._changes:
            self._here[tenant_id] = tenant
        self._last[tenant_id] = tenant
        return tenant

    async def is_served(self, call: Call) -> bool:
        """Whether the call's tenant is active. Raises Unavailable when nobody knows it."""
        return (await self.of(call)).status == TENANT_STATUS_ACTIVE

    async def forget(self, tenant_id: str) -> None:
        """Ask crm again the next time."""
        self._changes += 1
        self._here.pop(tenant_id, None)
        await self._cache.drop(tenant_id, _NAME)
