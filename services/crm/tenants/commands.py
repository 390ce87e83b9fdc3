"""What changes tenants."""

from malha.crm.v1.events_pb2 import TenantCreated, TenantUpdated
from malha.crm.v1.tenant_pb2 import Tenant
from malha.crm.v1.tenant_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    SetTenantStatusRequest,
)

from services.crm.identity.keys import new_key
from services.crm.identity.model import OWNER_SCOPES, email_hash
from services.crm.identity.passwords import Passwords
from services.crm.tenants.model import DEFAULT_PLAN, PLANS
from services.kit.call import Call
from services.kit.errors import AlreadyExists, InvalidRequest, NotFound
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "tenants.sql")


class EmailAlreadyRegistered(AlreadyExists):
    """The e-mail address is registered already."""


class TenantNotFound(NotFound):
    """No tenant has the id {id}."""


async def create_tenant(
    call: Call, request: CreateTenantRequest, *, passwords: Passwords
) -> CreateTenantResponse:
    """A tenant with a first workspace, its owner and an API key, in one commit."""
    plan = PLANS.get(request.plan or DEFAULT_PLAN)
    if plan is None:
        raise InvalidRequest([("plan", f"must be one of {', '.join(PLANS)}")])
    password_hash = await passwords.hash(request.owner_password)
    tenant_id, workspace_id, user_id = new_id(), new_id(), new_id()
    key = new_key()
    async with call.transaction(tenant_id=tenant_id) as tx:
        tenant = Tenant(
            **await tx.one(sql.insert_tenant, request.name, plan.slug, plan.webhooks_per_minute)
        )
        await tx.one(
            sql.claim_email, email_hash(request.owner_email), missing=EmailAlreadyRegistered()
        )
        await tx.run(sql.insert_workspace, workspace_id, request.name)
        email = request.owner_email.lower()
        await tx.run(sql.insert_user, user_id, workspace_id, email, password_hash, "owner")
        await tx.run(
            sql.insert_api_key, key.id, workspace_id, "owner", key.secret_hash, OWNER_SCOPES
        )
        tx.emit(TenantCreated(tenant=tenant))
    return CreateTenantResponse(
        tenant=tenant, workspace_id=workspace_id, user_id=user_id, api_key=key.text
    )


async def set_tenant_status(call: Call, request: SetTenantStatusRequest) -> Tenant:
    """Suspend or reactivate a tenant, and keep who did it and why."""
    async with call.transaction(tenant_id=request.tenant_id) as tx:
        row = await tx.one(
            sql.set_status, request.status, missing=TenantNotFound(id=request.tenant_id)
        )
        await tx.run(
            sql.insert_status_change, new_id(), request.status, request.reason, call.actor.id
        )
        tenant = Tenant(**row)
        tx.emit(TenantUpdated(tenant=tenant))
    return tenant
