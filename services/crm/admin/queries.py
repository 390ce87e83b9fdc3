"""What operators read of tenants."""

from malha.crm.v1.admin_service_pb2 import (
    ListTenantChangesRequest,
    ListTenantChangesResponse,
    ListTenantsRequest,
    ListTenantsResponse,
    TenantChange,
)

from services.crm.tenants.model import TenantNotFound, tenant_of
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.rows import from_row
from services.kit.sql import load_sql

sql = load_sql(__package__, "admin.sql")


async def list_tenants(call: Call, request: ListTenantsRequest) -> ListTenantsResponse:
    """Every tenant, newest first; read one after the other, since each sees only itself."""
    page = Page.of(request, call)
    response = ListTenantsResponse()
    async with call.transaction() as tx:
        rows = await tx.all(sql.list_tenant_ids, page.after, page.limit)
        shown, response.next_page_token = page.cut(rows, by="id")
        for row in shown:
            await tx.switch(row["id"])
            if (found := await tx.maybe(sql.get_tenant)) is not None:  # Else it is being erased.
                response.tenants.append(tenant_of(found))
    return response


async def list_tenant_changes(
    call: Call, request: ListTenantChangesRequest
) -> ListTenantChangesResponse:
    """What was done to a tenant, by whom and why, newest first."""
    page = Page.of(request, call)
    async with call.transaction(tenant_id=request.tenant_id) as tx:
        await tx.one(sql.get_tenant, missing=TenantNotFound(id=request.tenant_id))
        rows = await tx.all(sql.list_changes, page.after, page.limit)
    shown, token = page.cut(rows, by="id")
    return ListTenantChangesResponse(
        changes=[from_row(TenantChange, row) for row in shown], next_page_token=token
    )
