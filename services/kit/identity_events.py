"""Every service hears that a tenant changed, and asks again about its keys."""

from malha.crm.v1.events_pb2 import TenantUpdated

from services.kit.auth import Authenticator
from services.kit.call import Call
from services.kit.context import hear


@hear(TenantUpdated)
async def forget_keys(call: Call, _event: TenantUpdated, *, authenticator: Authenticator) -> None:
    """Drop what this process remembers about the tenant's keys."""
    authenticator.forget_tenant(call.tenant_id)
