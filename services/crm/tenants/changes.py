"""Changes of a tenant, recorded and told in one commit, by its own people or by operators."""

from datetime import timedelta

from malha.crm.v1.events_pb2 import TenantUpdated
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_DELETED, Tenant

from services.crm.tenants.model import TenantNotFound, tenant_of
from services.kit.auth import Actor
from services.kit.db import Transaction
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "tenants.sql")

PURGE_TIMER = "purge_tenant"


def actor_text(actor: Actor) -> str:
    """Who did something, as it is kept: kind and id, e.g. operator:ana."""
    return f"{actor.kind}:{actor.id}"


async def lock_tenant(tx: Transaction, tenant_id: str) -> Tenant:
    """The transaction's tenant, until its end. Raises TenantNotFound."""
    return tenant_of(await tx.one(sql.lock_tenant, missing=TenantNotFound(id=tenant_id)))


async def grace_is_over(tx: Transaction) -> bool:
    """Whether the tenant, locked, was deleted so long ago that nobody can restore it any more."""
    return bool(await tx.value(sql.is_overdue))


async def mark_deleted(
    tx: Transaction, tenant: Tenant, grace: timedelta, actor: Actor, reason: str
) -> Tenant:
    """Stop serving the tenant, and erase it after the time of grace unless it is restored."""
    if tenant.status == TENANT_STATUS_DELETED:
        return tenant
    row = await tx.one(sql.set_deleted, grace)
    tx.arm(PURGE_TIMER, row["id"], row["purge_time"])
    changed = tenant_of(row)
    await record(tx, changed, "deletion", "deleted", reason, actor)
    return changed


async def record(
    tx: Transaction, tenant: Tenant, action: str, value: str, reason: str, actor: Actor
) -> None:
    """Keep what was done to the tenant, and tell every service."""
    await note_change(tx, action, value, reason, actor)
    tx.emit(TenantUpdated(tenant=tenant))


async def note_change(tx: Transaction, action: str, value: str, reason: str, actor: Actor) -> None:
    """Keep what was done to the tenant, by whom and why."""
    await tx.run(sql.insert_change, new_id(), action, value, reason, actor_text(actor))
