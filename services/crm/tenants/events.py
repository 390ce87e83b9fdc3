"""The end of a tenant."""

from malha.crm.v1.events_pb2 import TenantPurged
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_DELETED

from services.crm.tenants.changes import PURGE_TIMER, grace_is_over
from services.kit.call import Call
from services.kit.context import on_timer
from services.kit.sql import load_sql

sql = load_sql(__package__, "tenants.sql")


@on_timer(PURGE_TIMER)
async def purge_tenant(call: Call, tenant_id: str) -> None:
    """Have every service erase a tenant whose time of grace is over; crm is one of them."""
    async with call.transaction() as tx:
        row = await tx.maybe(sql.lock_tenant)
        if row is None or row["status"] != TENANT_STATUS_DELETED:
            tx.disarm(PURGE_TIMER, tenant_id)
            return
        if not await grace_is_over(tx):
            tx.arm(PURGE_TIMER, tenant_id, row["purge_time"])
            return
        await tx.run(sql.keep_purged, row["purge_time"])
        tx.emit(TenantPurged(purge_time=row["purge_time"]))
        tx.disarm(PURGE_TIMER, tenant_id)
