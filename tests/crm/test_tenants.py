"""What a business does with itself: its name, its end, and the way back."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest
from malha.crm.v1.events_pb2 import TenantPurged, TenantUpdated
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
)
from malha.crm.v1.tenant_service_pb2 import (
    DeleteTenantRequest,
    GetTenantRequest,
    ListPlansRequest,
    RestoreTenantRequest,
    UpdateTenantRequest,
)

from services.crm.settings import CrmSettings
from services.crm.tenants.commands import delete_tenant, restore_tenant, update_tenant
from services.crm.tenants.events import purge_tenant
from services.crm.tenants.model import (
    PLANS,
    ConfirmationWrong,
    TenantNotDeleted,
    TenantNotFound,
    TimeZoneNotFound,
    limits_of,
)
from services.crm.tenants.queries import get_tenant, list_plans
from services.kit.db import Database
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.testing import service_call
from tests.crm.business import Business

SETTINGS = CrmSettings()
AT_ONCE = CrmSettings(deletion_grace_time=timedelta(0))


def _delete(name: str = "Aurora") -> DeleteTenantRequest:
    return DeleteTenantRequest(confirm_name=name, reason="closing")


async def _timer(business: Business) -> bool:
    async with business.database.pool.acquire() as connection:
        found: bool = await connection.fetchval(
            "SELECT EXISTS (SELECT FROM crm.timers WHERE kind = 'purge_tenant' AND id = $1)",
            business.id,
        )
    return found


async def test_a_tenant_reads_itself_with_what_its_plan_permits(business: Business) -> None:
    tenant = await get_tenant(business.person(readonly=True), GetTenantRequest())
    assert tenant == business.made.tenant
    assert tenant.limits == PLANS["free"].limits
    assert (tenant.language, tenant.time_zone) == ("pt-BR", "America/Sao_Paulo")
    assert tenant.etag


async def test_an_update_sets_what_is_there_and_leaves_the_rest(business: Business) -> None:
    request = UpdateTenantRequest(time_zone="Europe/Lisbon", language="en")
    tenant = await update_tenant(business.person(), request)
    assert (tenant.name, tenant.language, tenant.time_zone) == ("Aurora", "en", "Europe/Lisbon")
    assert tenant.etag != business.made.tenant.etag
    assert tenant == await get_tenant(business.person(readonly=True), GetTenantRequest())
    assert [event.tenant for event in await business.told(TenantUpdated)] == [tenant]


@pytest.mark.parametrize(
    "zone", ["Mars/Olympus", "../../etc/passwd", "america/sao_paulo", "localtime"]
)
async def test_a_time_zone_that_does_not_exist_names_the_field(
    business: Business, zone: str
) -> None:
    with pytest.raises(TimeZoneNotFound) as refused:
        await update_tenant(business.person(), UpdateTenantRequest(time_zone=zone))
    assert [name for name, _ in refused.value.violations()] == ["time_zone"]


async def test_an_update_of_an_older_version_changes_nothing(business: Business) -> None:
    etag = business.made.tenant.etag
    await update_tenant(business.person(), UpdateTenantRequest(name="Boreal", etag=etag))
    with pytest.raises(EtagMismatch):
        await update_tenant(business.person(), UpdateTenantRequest(name="Late", etag=etag))
    tenant = await get_tenant(business.person(readonly=True), GetTenantRequest())
    assert tenant.name == "Boreal"


async def test_a_deletion_needs_the_name_letter_by_letter(business: Business) -> None:
    with pytest.raises(ConfirmationWrong):
        await delete_tenant(business.person(), _delete("aurora"), settings=SETTINGS)
    assert not await _timer(business)


async def test_a_deletion_stops_the_tenant_and_sets_its_end(business: Business) -> None:
    tenant = await delete_tenant(business.person(), _delete(), settings=SETTINGS)
    assert tenant.status == TENANT_STATUS_DELETED
    grace = tenant.purge_time.ToDatetime() - tenant.delete_time.ToDatetime()
    assert grace == timedelta(days=30)
    assert await _timer(business)
    assert [event.tenant for event in await business.told(TenantUpdated)] == [tenant]


async def test_a_second_deletion_puts_off_nothing(business: Business) -> None:
    first = await delete_tenant(business.person(), _delete(), settings=SETTINGS)
    assert await delete_tenant(business.person(), _delete(), settings=SETTINGS) == first


async def test_a_restored_tenant_is_as_it_was(business: Business) -> None:
    await delete_tenant(business.person(), _delete(), settings=SETTINGS)
    tenant = await restore_tenant(business.person(), RestoreTenantRequest())
    assert tenant.status == TENANT_STATUS_ACTIVE
    assert not (tenant.HasField("delete_time") or tenant.HasField("purge_time"))
    assert not await _timer(business)


async def test_a_restoration_does_not_lift_a_suspension(business: Business) -> None:
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.tenants SET status = 2")
    await delete_tenant(business.person(), _delete(), settings=SETTINGS)
    tenant = await restore_tenant(business.person(), RestoreTenantRequest())
    assert tenant.status == TENANT_STATUS_SUSPENDED


async def test_only_a_deleted_tenant_is_restored(business: Business) -> None:
    with pytest.raises(TenantNotDeleted):
        await restore_tenant(business.person(), RestoreTenantRequest())


async def test_nobody_restores_a_tenant_whose_grace_is_over(business: Business) -> None:
    await delete_tenant(business.person(), _delete(), settings=AT_ONCE)
    with pytest.raises(TenantNotDeleted):
        await restore_tenant(business.person(), RestoreTenantRequest())


async def test_a_timer_that_is_due_has_every_service_erase_the_tenant(business: Business) -> None:
    deleted = await delete_tenant(business.person(), _delete(), settings=AT_ONCE)
    call = service_call(business.database, tenant_id=business.id)
    for _ in range(2):  # A timer may fire twice.
        await purge_tenant(call, business.id)
    told = await business.told(TenantPurged)
    assert {event.purge_time.ToNanoseconds() for event in told} == {
        deleted.purge_time.ToNanoseconds()
    }
    assert not await _timer(business)


@pytest.mark.parametrize("restored", [True, False])
async def test_a_timer_does_nothing_to_a_tenant_that_is_not_due(
    business: Business, restored: bool
) -> None:
    await delete_tenant(business.person(), _delete(), settings=SETTINGS)
    if restored:
        await restore_tenant(business.person(), RestoreTenantRequest())
    await purge_tenant(service_call(business.database, tenant_id=business.id), business.id)
    assert await business.told(TenantPurged) == []
    assert await _timer(business) is not restored


async def test_an_unknown_tenant_is_not_found(database: Database) -> None:
    call = service_call(database, tenant_id=new_id(), readonly=True)
    with pytest.raises(TenantNotFound):
        await get_tenant(call, GetTenantRequest())


async def test_plans_are_listed_the_smallest_first_and_each_permits_more(
    business: Business,
) -> None:
    plans = (await list_plans(business.person(readonly=True), ListPlansRequest())).plans
    assert [plan.slug for plan in plans] == ["free", "pro", "scale"]
    for smaller, larger in pairwise(plans):
        for limit in smaller.limits.DESCRIPTOR.fields_by_name:
            assert 0 < getattr(smaller.limits, limit) < getattr(larger.limits, limit), limit


def test_a_plan_that_is_not_sold_any_more_permits_what_the_smallest_does() -> None:
    limits = limits_of("gold", webhooks_per_minute=5)
    assert limits.assistants == PLANS["free"].limits.assistants
    assert limits.webhooks_per_minute == 5
    assert PLANS["free"].limits.webhooks_per_minute == 600
