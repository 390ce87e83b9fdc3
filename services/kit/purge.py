"""The end of a tenant, in every service: all it has of the tenant is erased."""

from malha.crm.v1.events_pb2 import TenantPurged
from redis.asyncio import Redis

from services.kit.cache import tenant_key
from services.kit.call import Call
from services.kit.context import on
from services.kit.db import Database

_PURGE = "SELECT purge_tenant($1)"
_KEYS_AT_ONCE = 1000


@on(TenantPurged)
async def erase_tenant(
    call: Call, _event: TenantPurged, *, database: Database, valkey: Redis
) -> None:
    """Erase every row and every cached value of the tenant, part by part."""
    erased = 1
    while erased:
        async with call.transaction() as tx:
            erased = await tx.value(_PURGE, database.schema)
    keys = [
        key async for key in valkey.scan_iter(tenant_key(call.tenant_id, "*"), count=_KEYS_AT_ONCE)
    ]
    for start in range(0, len(keys), _KEYS_AT_ONCE):
        await valkey.unlink(*keys[start : start + _KEYS_AT_ONCE])
