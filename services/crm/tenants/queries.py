"""What is read of tenants."""

from malha.crm.v1.tenant_pb2 import Tenant
from malha.crm.v1.tenant_service_pb2 import GetTenantRequest

from services.crm.tenants.commands import TenantNotFound
from services.kit.call import Call
from services.kit.sql import load_sql

sql = load_sql(__package__, "tenants.sql")


async def get_tenant(call: Call, _request: GetTenantRequest) -> Tenant:
    """The caller's own tenant."""
    async with call.transaction() as tx:
        return Tenant(**await tx.one(sql.get_tenant, missing=TenantNotFound(id=call.tenant_id)))
