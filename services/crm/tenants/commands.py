"""What a tenant changes of itself."""

from malha.crm.v1.events_pb2 import TenantUpdated
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_DELETED, Tenant
from malha.crm.v1.tenant_service_pb2 import (
    DeleteTenantRequest,
    RestoreTenantRequest,
    UpdateTenantRequest,
)

from services.crm.settings import CrmSettings
from services.crm.tenants.changes import (
    PURGE_TIMER,
    grace_is_over,
    lock_tenant,
    mark_deleted,
    record,
)
from services.crm.tenants.model import (
    ConfirmationWrong,
    TenantNotDeleted,
    require_time_zone,
    status_text,
    tenant_of,
)
from services.kit.call import Call
from services.kit.etags import require_etag
from services.kit.sql import load_sql

sql = load_sql(__package__, "tenants.sql")


async def update_tenant(call: Call, request: UpdateTenantRequest) -> Tenant:
    """The tenant with what is set in the request."""
    if request.HasField("time_zone"):
        require_time_zone(request.time_zone)
    async with call.transaction() as tx:
        require_etag(request, await lock_tenant(tx, call.tenant_id))
        row = await tx.one(
            sql.update_tenant,
            request.name if request.HasField("name") else None,
            request.language if request.HasField("language") else None,
            request.time_zone if request.HasField("time_zone") else None,
        )
        tenant = tenant_of(row)
        tx.emit(TenantUpdated(tenant=tenant))
    return tenant


async def delete_tenant(
    call: Call, request: DeleteTenantRequest, *, settings: CrmSettings
) -> Tenant:
    """Stop serving the tenant, and erase it after the time of grace unless it is restored."""
    async with call.transaction() as tx:
        tenant = await lock_tenant(tx, call.tenant_id)
        if request.confirm_name != tenant.name:
            raise ConfirmationWrong
        grace = settings.deletion_grace_time
        return await mark_deleted(tx, tenant, grace, call.actor, request.reason)


async def restore_tenant(call: Call, _request: RestoreTenantRequest) -> Tenant:
    """The tenant as it was before its deletion, served again if it was."""
    async with call.transaction() as tx:
        tenant = await lock_tenant(tx, call.tenant_id)
        if tenant.status != TENANT_STATUS_DELETED or await grace_is_over(tx):
            raise TenantNotDeleted
        restored = tenant_of(await tx.one(sql.restore))
        tx.disarm(PURGE_TIMER, call.tenant_id)
        await record(tx, restored, "restoration", status_text(restored.status), "", call.actor)
    return restored
