"""Tenants and who calls for them, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from malha.crm.v1.identity_service_pb2 import SignInRequest, VerifyApiKeyRequest
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, TENANT_STATUS_SUSPENDED
from malha.crm.v1.tenant_service_pb2 import (
    CreateTenantRequest,
    CreateTenantResponse,
    GetTenantRequest,
    SetTenantStatusRequest,
)

from services.crm.identity.commands import CredentialsInvalid, sign_in
from services.crm.identity.passwords import Passwords
from services.crm.identity.queries import StoredKeys, verify_api_key
from services.crm.settings import CrmSettings
from services.crm.tenants.commands import (
    EmailAlreadyRegistered,
    TenantNotFound,
    create_tenant,
    set_tenant_status,
)
from services.crm.tenants.queries import get_tenant
from services.kit.auth import ApiKeyInvalid, Authenticator, Signer, TenantSuspended
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.errors import InvalidRequest
from services.kit.ids import new_id
from services.kit.testing import kit_settings, service_call

PASSWORD = "correct horse battery"


@pytest.fixture
async def database(databases: Callable[[str], Awaitable[Database]]) -> Database:
    return await databases("crm")


@pytest.fixture(scope="module")
def passwords() -> Passwords:
    return Passwords()


def _request(**changes: str) -> CreateTenantRequest:
    fields = {"name": "Aurora", "owner_email": f"{new_id()}@example.com"}
    return CreateTenantRequest(**{**fields, "owner_password": PASSWORD, **changes})


@pytest.fixture
async def made(database: Database, passwords: Passwords) -> CreateTenantResponse:
    return await create_tenant(service_call(database), _request(), passwords=passwords)


async def test_a_tenant_is_made_whole(database: Database, made: CreateTenantResponse) -> None:
    call = service_call(database, tenant_id=made.tenant.id, readonly=True)
    tenant = await get_tenant(call, GetTenantRequest())
    assert tenant == made.tenant
    assert (tenant.plan, tenant.status) == ("free", TENANT_STATUS_ACTIVE)
    actor = await StoredKeys(database).owner_of(made.api_key)
    assert (actor.tenant_id, actor.workspace_id) == (made.tenant.id, made.workspace_id)


async def test_an_address_belongs_to_one_tenant(
    database: Database, passwords: Passwords, made: CreateTenantResponse
) -> None:
    request = _request(owner_email="Ana@example.com")
    await create_tenant(service_call(database), request, passwords=passwords)
    request.owner_email = "ana@EXAMPLE.com"
    with pytest.raises(EmailAlreadyRegistered):
        await create_tenant(service_call(database), request, passwords=passwords)


async def test_an_unknown_plan_names_the_field(database: Database, passwords: Passwords) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await create_tenant(service_call(database), _request(plan="gold"), passwords=passwords)
    assert [field for field, _ in refused.value.violations()] == ["plan"]


async def test_a_suspended_tenants_key_is_refused_until_it_is_served_again(
    database: Database, made: CreateTenantResponse
) -> None:
    request = SetTenantStatusRequest(
        tenant_id=made.tenant.id, status=TENANT_STATUS_SUSPENDED, reason="unpaid"
    )
    await set_tenant_status(service_call(database), request)
    with pytest.raises(TenantSuspended):
        await StoredKeys(database).owner_of(made.api_key)
    request.status = TENANT_STATUS_ACTIVE
    await set_tenant_status(service_call(database), request)
    assert (await StoredKeys(database).owner_of(made.api_key)).tenant_id == made.tenant.id


async def test_who_suspended_and_why_is_kept(
    database: Database, made: CreateTenantResponse
) -> None:
    request = SetTenantStatusRequest(
        tenant_id=made.tenant.id, status=TENANT_STATUS_SUSPENDED, reason="unpaid"
    )
    await set_tenant_status(service_call(database, service="operator"), request)
    async with service_call(database, tenant_id=made.tenant.id).transaction() as tx:
        row = await tx.one("SELECT reason, actor, status FROM crm.tenant_status_changes")
    assert tuple(row.values()) == ("unpaid", "operator", TENANT_STATUS_SUSPENDED)


async def test_no_tenant_is_suspended_by_an_unknown_id(database: Database) -> None:
    request = SetTenantStatusRequest(
        tenant_id=new_id(), status=TENANT_STATUS_SUSPENDED, reason="unpaid"
    )
    with pytest.raises(TenantNotFound):
        await set_tenant_status(service_call(database), request)


async def test_a_changed_secret_is_no_key(database: Database, made: CreateTenantResponse) -> None:
    other = await create_tenant(service_call(database), _request(), passwords=Passwords())
    mixed = "_".join([*made.api_key.split("_")[:2], *other.api_key.split("_")[2:]])
    for text in (mixed, made.api_key[:-1], "malha_x", made.api_key.upper()):
        with pytest.raises(ApiKeyInvalid):
            await verify_api_key(
                service_call(database),
                VerifyApiKeyRequest(api_key=text),
                keys=StoredKeys(database),
            )


@pytest.mark.parametrize(
    ("email", "password"), [("", "wrong wrong"), ("nobody@example.com", PASSWORD)]
)
async def test_neither_a_wrong_password_nor_a_wrong_address_signs_in(
    database: Database, passwords: Passwords, infra: Infra, email: str, password: str
) -> None:
    request = _request()
    await create_tenant(service_call(database), request, passwords=passwords)
    with pytest.raises(CredentialsInvalid):
        await _sign_in(database, passwords, infra, email or request.owner_email, password)


async def test_a_person_signs_in_and_the_token_says_who(
    database: Database, passwords: Passwords, infra: Infra
) -> None:
    request = _request()
    made = await create_tenant(service_call(database), request, passwords=passwords)
    token = await _sign_in(database, passwords, infra, request.owner_email.upper(), PASSWORD)
    settings = kit_settings(infra.environment("crm"))
    authenticator = Authenticator(settings.service_public_keys, StoredKeys(database))
    actor = await authenticator.identify({"authorization": f"Bearer {token}"})
    assert (actor.kind, actor.id, actor.tenant_id) == ("user", made.user_id, made.tenant.id)
    actor.require("assistants:write")


async def _sign_in(
    database: Database, passwords: Passwords, infra: Infra, email: str, password: str
) -> str:
    settings = kit_settings(infra.environment("crm"))
    response = await sign_in(
        service_call(database),
        SignInRequest(email=email, password=password),
        passwords=passwords,
        signer=Signer("crm", settings.service_key.get_secret_value()),
        settings=CrmSettings(),
    )
    return response.access_token
