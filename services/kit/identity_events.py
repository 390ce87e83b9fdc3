"""Every service hears who may do what no longer, and asks again."""

from malha.crm.v1.events_pb2 import AccessChanged, TenantUpdated

from services.kit.auth import Authenticator
from services.kit.call import Call
from services.kit.context import hear
from services.kit.tenants import Tenants


@hear(AccessChanged)
async def forget_access(call: Call, event: AccessChanged, *, authenticator: Authenticator) -> None:
    """Drop what this process remembers about these keys and sessions."""
    authenticator.forget(call.tenant_id, frozenset(event.credential_ids))


@hear(TenantUpdated)
async def forget_tenant(
    call: Call, _event: TenantUpdated, *, authenticator: Authenticator, tenants: Tenants
) -> None:
    """Drop what this process remembers about the tenant, its keys and its sessions."""
    authenticator.forget(call.tenant_id)
    await tenants.forget(call.tenant_id)
