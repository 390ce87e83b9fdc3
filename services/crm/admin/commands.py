"""What operators change of tenants."""

from malha.crm.v1.admin_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    SetTenantPlanRequest,
    SetTenantStatusRequest,
)
from malha.crm.v1.events_pb2 import TenantCreated, UserCreated
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_DELETED, Tenant

from services.crm.api_keys.keys import new_key
from services.crm.api_keys.model import KEY_SCOPES
from services.crm.api_keys.records import insert_key
from services.crm.mail.addresses import require_deliverable
from services.crm.passwords.hashing import Passwords
from services.crm.passwords.model import require_strong
from services.crm.settings import CrmSettings
from services.crm.tenants.changes import (
    PURGE_TIMER,
    grace_is_over,
    lock_tenant,
    mark_deleted,
    note_change,
    record,
)
from services.crm.tenants.model import (
    DEFAULT_PLAN,
    TenantNotFound,
    plan_named,
    status_text,
    tenant_of,
)
from services.crm.users.people import claim_email, find_person
from services.kit.call import Call
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "admin.sql")


async def create_tenant(
    call: Call, request: CreateTenantRequest, *, passwords: Passwords
) -> CreateTenantResponse:
    """A tenant with a first workspace, its owner and an API key, in one commit."""
    plan = plan_named(request.plan or DEFAULT_PLAN)
    email = request.owner_email.strip().lower()
    require_deliverable(email, field="owner_email")
    require_strong(request.owner_password, email, field="owner_password")
    password_hash = await passwords.hash(request.owner_password, account=email)
    tenant_id, workspace_id, user_id = new_id(), new_id(), new_id()
    key = new_key()
    async with call.transaction(tenant_id=tenant_id) as tx:
        webhooks = plan.limits.webhooks_per_minute
        tenant = tenant_of(await tx.one(sql.insert_tenant, request.name, plan.slug, webhooks))
        await claim_email(tx, email)
        await tx.run(sql.insert_workspace, workspace_id, request.name)
        await tx.run(sql.insert_owner, user_id, workspace_id, email, password_hash, "owner")
        await insert_key(tx, key, workspace_id, "owner", KEY_SCOPES, creator=call.actor)
        await note_change(tx, "created", plan.slug, "", call.actor)
        tx.emit(TenantCreated(tenant=tenant))
        tx.emit(UserCreated(user=await find_person(tx, user_id)))
    return CreateTenantResponse(
        tenant=tenant, workspace_id=workspace_id, user_id=user_id, api_key=key.text
    )


async def set_tenant_status(
    call: Call, request: SetTenantStatusRequest, *, settings: CrmSettings
) -> Tenant:
    """The tenant in its new status; one whose time of grace is over cannot come back."""
    async with call.transaction(tenant_id=request.tenant_id) as tx:
        tenant = await lock_tenant(tx, request.tenant_id)
        if await grace_is_over(tx):
            raise TenantNotFound(id=request.tenant_id)
        if tenant.status == request.status:
            return tenant
        if request.status == TENANT_STATUS_DELETED:
            grace = settings.deletion_grace_time
            return await mark_deleted(tx, tenant, grace, call.actor, request.reason)
        changed = tenant_of(await tx.one(sql.set_status, request.status))
        tx.disarm(PURGE_TIMER, tenant.id)
        value = status_text(request.status)
        await record(tx, changed, "status", value, request.reason, call.actor)
    return changed


async def set_tenant_plan(call: Call, request: SetTenantPlanRequest) -> Tenant:
    """The tenant on another plan. What it has beyond the new limits stays, and nothing is added."""
    plan = plan_named(request.plan)
    async with call.transaction(tenant_id=request.tenant_id) as tx:
        await lock_tenant(tx, request.tenant_id)
        changed = tenant_of(await tx.one(sql.set_plan, plan.slug, plan.limits.webhooks_per_minute))
        await record(tx, changed, "plan", plan.slug, request.reason, call.actor)
    return changed
