"""What operators do to tenants: done, recorded with who and why, and told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import pytest
from malha.crm.v1.admin_service_pb2 import (
    CreateTenantRequest,
    ListTenantChangesRequest,
    ListTenantsRequest,
    SetTenantPlanRequest,
    SetTenantStatusRequest,
    TenantChange,
)
from malha.crm.v1.events_pb2 import TenantCreated, TenantUpdated
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
    TenantStatus,
)
from malha.crm.v1.tenant_service_pb2 import DeleteTenantRequest, GetTenantRequest
from pydantic import SecretStr

from services.crm.admin.commands import create_tenant, set_tenant_plan, set_tenant_status
from services.crm.admin.queries import list_tenant_changes, list_tenants
from services.crm.api_keys.model import KEY_SCOPES
from services.crm.identity.directory import StoredAccess
from services.crm.mail.addresses import AddressInvalid
from services.crm.passwords.model import PasswordTooWeak
from services.crm.settings import CrmSettings
from services.crm.tenants.commands import delete_tenant
from services.crm.tenants.model import PLANS, EmailAlreadyRegistered, TenantNotFound
from services.crm.tenants.queries import get_tenant
from services.kit.auth import Authenticator, PeopleOnly, ScopeMissing, Signer, TokenInvalid
from services.kit.call import NotATenantsCall
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.errors import InvalidRequest
from services.kit.ids import new_id
from services.kit.testing import kit_settings
from services.operators import NoSuchName, operator_token
from tests.crm.business import PASSWORD, PASSWORDS, Business, new_business, operator_call

SETTINGS = CrmSettings()
AT_ONCE = CrmSettings(deletion_grace_time=timedelta(0))


def _status(business: Business, status: TenantStatus) -> SetTenantStatusRequest:
    return SetTenantStatusRequest(tenant_id=business.id, status=status, reason="unpaid")


async def _changes(business: Business) -> list[TenantChange]:
    request = ListTenantChangesRequest(tenant_id=business.id)
    call = operator_call(business.database, readonly=True)
    return list((await list_tenant_changes(call, request)).changes)


async def test_a_tenant_is_made_whole(database: Database, business: Business) -> None:
    made = business.made
    assert (made.tenant.plan, made.tenant.status) == ("free", TENANT_STATUS_ACTIVE)
    access = await StoredAccess(database).of_api_key(made.api_key)
    assert (access.tenant_id, access.workspace_id) == (made.tenant.id, made.workspace_id)
    assert access.scopes == list(KEY_SCOPES)
    assert not {"tenant:delete", "tenant:restore"} & set(access.scopes)
    assert [event.tenant for event in await business.told(TenantCreated)] == [made.tenant]
    assert [(c.action, c.value, c.actor) for c in await _changes(business)] == [
        ("created", "free", "service:test")
    ]


async def test_an_address_belongs_to_one_tenant(database: Database) -> None:
    name = new_id()
    request = CreateTenantRequest(name="A", owner_password=PASSWORD)
    request.owner_email = f"Ana.{name}@example.com"
    await create_tenant(operator_call(database), request, passwords=PASSWORDS)
    request.owner_email = f"ana.{name}@EXAMPLE.com"
    with pytest.raises(EmailAlreadyRegistered):
        await create_tenant(operator_call(database), request, passwords=PASSWORDS)


async def test_a_tenant_that_could_not_be_made_leaves_no_id(
    database: Database, business: Business
) -> None:
    async with database.pool.acquire() as connection:
        before = await connection.fetchval("SELECT count(*) FROM crm.tenant_routes")
        request = CreateTenantRequest(name="B", owner_email=business.email, owner_password=PASSWORD)
        with pytest.raises(EmailAlreadyRegistered):
            await create_tenant(operator_call(database), request, passwords=PASSWORDS)
        assert await connection.fetchval("SELECT count(*) FROM crm.tenant_routes") == before


@pytest.mark.parametrize("password", ["password123", "aaaaaaaaaaaa", "Dona.Da@Aurora.Example"])
async def test_an_owners_password_is_as_strong_as_anybodys(
    database: Database, password: str
) -> None:
    request = CreateTenantRequest(name="A", owner_password=password)
    request.owner_email = "dona.da@aurora.example"
    with pytest.raises(PasswordTooWeak) as refused:
        await create_tenant(operator_call(database), request, passwords=PASSWORDS)
    assert [name for name, _ in refused.value.violations()] == ["owner_password"]


async def test_an_owners_address_is_one_that_mail_reaches(database: Database) -> None:
    request = CreateTenantRequest(name="A", owner_password=PASSWORD)
    request.owner_email = "dona..da@aurora.example"
    with pytest.raises(AddressInvalid) as refused:
        await create_tenant(operator_call(database), request, passwords=PASSWORDS)
    assert [name for name, _ in refused.value.violations()] == ["owner_email"]


async def test_an_unknown_plan_names_the_field(database: Database, business: Business) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await new_business(database, plan="gold")
    assert [name for name, _ in refused.value.violations()] == ["plan"]
    request = SetTenantPlanRequest(tenant_id=business.id, plan="gold", reason="trial")
    with pytest.raises(InvalidRequest) as refused:
        await set_tenant_plan(operator_call(database), request)
    assert [name for name, _ in refused.value.violations()] == ["plan"]


async def test_who_suspended_and_why_is_kept_and_told(
    database: Database, business: Business
) -> None:
    request = _status(business, TENANT_STATUS_SUSPENDED)
    tenant = await set_tenant_status(operator_call(database), request, settings=SETTINGS)
    assert tenant.status == TENANT_STATUS_SUSPENDED
    change, created = await _changes(business)
    assert created.action == "created"
    assert (change.action, change.value) == ("status", "suspended")
    assert (change.reason, change.actor) == ("unpaid", "operator:ana")
    assert [event.tenant for event in await business.told(TenantUpdated)] == [tenant]


async def test_setting_a_status_again_changes_nothing(
    database: Database, business: Business
) -> None:
    request = _status(business, TENANT_STATUS_SUSPENDED)
    first = await set_tenant_status(operator_call(database), request, settings=SETTINGS)
    assert first == await set_tenant_status(operator_call(database), request, settings=SETTINGS)
    assert len(await _changes(business)) == 2


async def test_an_operator_deletes_and_brings_back(database: Database, business: Business) -> None:
    request = _status(business, TENANT_STATUS_DELETED)
    deleted = await set_tenant_status(operator_call(database), request, settings=SETTINGS)
    assert deleted.HasField("purge_time")
    request.status = TENANT_STATUS_ACTIVE
    tenant = await set_tenant_status(operator_call(database), request, settings=SETTINGS)
    assert tenant.status == TENANT_STATUS_ACTIVE
    assert not tenant.HasField("purge_time")
    actions = [(change.action, change.value) for change in await _changes(business)]
    assert actions[:2] == [("status", "active"), ("deletion", "deleted")]
    async with database.pool.acquire() as connection:
        assert not await connection.fetchval(
            "SELECT count(*) FROM crm.timers WHERE id = $1", business.id
        )


async def test_nobody_brings_back_a_tenant_whose_grace_is_over(
    database: Database, business: Business
) -> None:
    request = _status(business, TENANT_STATUS_DELETED)
    await set_tenant_status(operator_call(database), request, settings=AT_ONCE)
    request.status = TENANT_STATUS_ACTIVE
    with pytest.raises(TenantNotFound):
        await set_tenant_status(operator_call(database), request, settings=SETTINGS)


async def test_a_plan_moves_the_limits(database: Database, business: Business) -> None:
    request = SetTenantPlanRequest(tenant_id=business.id, plan="pro", reason="upgrade")
    tenant = await set_tenant_plan(operator_call(database), request)
    assert tenant.limits == PLANS["pro"].limits
    assert tenant.webhooks_per_minute == PLANS["pro"].limits.webhooks_per_minute
    assert tenant == await get_tenant(business.person(readonly=True), GetTenantRequest())
    assert [event.tenant for event in await business.told(TenantUpdated)] == [tenant]
    change = (await _changes(business))[0]
    assert (change.action, change.value, change.reason) == ("plan", "pro", "upgrade")


async def test_unknown_tenants_are_not_found(database: Database) -> None:
    unknown = new_id()
    with pytest.raises(TenantNotFound):
        await set_tenant_status(
            operator_call(database),
            SetTenantStatusRequest(tenant_id=unknown, status=TENANT_STATUS_ACTIVE, reason="x"),
            settings=SETTINGS,
        )
    with pytest.raises(TenantNotFound):
        await set_tenant_plan(
            operator_call(database),
            SetTenantPlanRequest(tenant_id=unknown, plan="pro", reason="x"),
        )
    with pytest.raises(TenantNotFound):
        await list_tenant_changes(
            operator_call(database, readonly=True), ListTenantChangesRequest(tenant_id=unknown)
        )


async def test_tenants_are_listed_page_by_page_newest_first(database: Database) -> None:
    businesses = [await new_business(database, name=f"B{number}") for number in range(5)]
    request, seen = ListTenantsRequest(page_size=2), []
    call = operator_call(database, readonly=True)
    while len(seen) < 5:
        page = await list_tenants(call, request)
        assert len(page.tenants) == 2
        seen += page.tenants
        request.page_token = page.next_page_token
    assert [tenant.name for tenant in seen[:5]] == ["B4", "B3", "B2", "B1", "B0"]
    assert seen[0] == businesses[4].made.tenant


async def test_what_a_tenant_did_itself_is_among_its_changes(business: Business) -> None:
    request = DeleteTenantRequest(confirm_name="Aurora", reason="closing")
    await delete_tenant(business.person(), request, settings=SETTINGS)
    change = (await _changes(business))[0]
    assert (change.action, change.reason) == ("deletion", "closing")
    assert change.actor == f"user:{business.made.user_id}"


async def test_changes_are_paged(database: Database, business: Business) -> None:
    for status in (TENANT_STATUS_SUSPENDED, TENANT_STATUS_ACTIVE, TENANT_STATUS_SUSPENDED):
        await set_tenant_status(
            operator_call(database), _status(business, status), settings=SETTINGS
        )
    call = operator_call(database, readonly=True)
    request = ListTenantChangesRequest(tenant_id=business.id, page_size=3)
    first = await list_tenant_changes(call, request)
    request.page_token = first.next_page_token
    rest = await list_tenant_changes(call, request)
    values = [change.value for change in (*first.changes, *rest.changes)]
    assert values == ["suspended", "active", "suspended", "free"]
    assert not rest.next_page_token


async def test_a_tenant_cannot_act_on_another_one(business: Business, database: Database) -> None:
    other = await new_business(database)
    for call in (business.person(), business.key(*KEY_SCOPES)):
        with pytest.raises(NotATenantsCall):
            await set_tenant_status(
                call, _status(other, TENANT_STATUS_SUSPENDED), settings=SETTINGS
            )


@pytest.fixture
def authenticator(database: Database, infra: Infra) -> Authenticator:
    keys = kit_settings(infra.environment("crm")).service_public_keys
    return Authenticator(keys, StoredAccess(database))


async def test_an_operators_token_admits_to_this_service_and_nothing_else(
    authenticator: Authenticator, infra: Infra
) -> None:
    token = operator_token(_key(infra.wiring.operator()), "ana", minutes=15)
    actor = await authenticator.identify({"authorization": f"Bearer {token}"})
    assert (actor.kind, actor.id) == ("operator", "ana")
    actor.require("admin")
    for scope in ("service", "user", "tenant:read"):
        with pytest.raises((ScopeMissing, PeopleOnly)):
            actor.require(scope)


async def test_no_service_makes_an_operators_token(
    authenticator: Authenticator, infra: Infra
) -> None:
    crm = Signer("crm", infra.environment("crm")["MALHA_SERVICE_KEY"])
    for claims in ({"kind": "operator", "sub": "ana"}, {"kind": "service", "sub": "operator"}):
        token = crm.sign(claims, 60)
        with pytest.raises(TokenInvalid):
            await authenticator.identify({"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("name", ["", "Ana", "ana\n", "ana maria", "a" * 65, "-ana"])
def test_an_operators_name_is_one_plain_word(infra: Infra, name: str) -> None:
    with pytest.raises(NoSuchName):
        operator_token(_key(infra.wiring.operator()), name, minutes=15)


def _key(environment: Mapping[str, str]) -> SecretStr:
    return SecretStr(environment["MALHA_SERVICE_KEY"])
