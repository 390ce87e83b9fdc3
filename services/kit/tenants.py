"""What must be known of a tenant to judge its webhooks: crm's answer, kept for an hour."""

from datetime import timedelta

from cachetools import LRUCache
from malha.crm.v1.tenant_pb2 import Tenant
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


class Tenants:
    """Tenants by their calls. Changes that are heard drop what they are about at once.

    When crm does not answer, what was known last is used: a business is not cut off from its
    customers because another service restarts.
    """

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._last: LRUCache[str, Tenant] = LRUCache(_MOST)
        self._changes = 0

    async def of(self, call: Call) -> Tenant:
        """The call's tenant. Raises Unavailable when nobody knows it."""
        tenant_id = call.tenant_id
        tenant = await self._cache.get_message(tenant_id, _NAME, Tenant)
        if tenant is None:
            before = self._changes
            try:
                tenant = await call.stub(TenantServiceStub).GetTenant(GetTenantRequest())
            except (Unavailable, DeadlineExceeded):
                if tenant_id not in self._last:
                    raise
                log.warning("tenant not refreshed")
                return self._last[tenant_id]
            if before == self._changes:  # Else it changed while it was asked for: do not keep it.
                await self._cache.put_message(tenant_id, _NAME, tenant, _KEPT)
        self._last[tenant_id] = tenant
        return tenant

    async def forget(self, tenant_id: str) -> None:
        """Ask crm again the next time."""
        self._changes += 1
        await self._cache.drop(tenant_id, _NAME)
