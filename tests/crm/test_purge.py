"""The end of a tenant: nothing of it is left anywhere, and nothing of another one is touched."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import asyncpg
import pytest
import redis.asyncio as redis
from malha.crm.v1.admin_service_pb2 import ListTenantsRequest
from malha.crm.v1.api_key_service_pb2 import CreateApiKeyRequest
from malha.crm.v1.events_pb2 import TenantPurged
from malha.crm.v1.tenant_service_pb2 import DeleteTenantRequest

from services.crm.admin.queries import list_tenants
from services.crm.api_keys.commands import create_api_key
from services.crm.identity.directory import StoredAccess
from services.crm.identity.model import email_hash
from services.crm.settings import CrmSettings
from services.crm.tenants.commands import delete_tenant
from services.crm.tenants.events import purge_tenant
from services.kit.auth import ApiKeyInvalid
from services.kit.cache import Cache
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.purge import erase_tenant
from services.kit.testing import service_call
from services.registry import NAMES
from services.registry import services as all_services
from tests.crm.business import Business, new_business, operator_call
from tests.crm.filling import Filling, rows_naming

Databases = Callable[[str], Awaitable[Database]]
AT_ONCE = CrmSettings(deletion_grace_time=timedelta(0))
# What is kept on purpose: that there was such a tenant.
KEPT = {"crm.purged_tenants"}


@pytest.fixture
async def catalogue(infra: Infra) -> AsyncIterator[asyncpg.Connection]:
    """PostgreSQL past every policy. What a test writes by it is rolled back."""
    connection = await asyncpg.connect(infra.postgres.url("postgres"))
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def _purge(
    catalogue: asyncpg.Connection, service: str, tenant_id: str, at_most: int
) -> list[int]:
    """What each call of the function says, as the service's own role."""
    await catalogue.execute(
        f"SET LOCAL ROLE malha_{service}; SET LOCAL app.tenant_id = '{tenant_id}'"
    )
    said = []
    while erased := await catalogue.fetchval("SELECT purge_tenant($1, $2)", service, at_most):
        said.append(erased)
    await catalogue.execute("RESET ROLE")
    return said


@pytest.mark.parametrize("service", NAMES)
async def test_every_table_of_a_service_is_emptied_of_the_tenant_and_of_no_other(
    catalogue: asyncpg.Connection, service: str
) -> None:
    """The tables come from the catalogue: a new one is filled and checked without being named."""
    tenant, other = new_id(), new_id()
    filling = Filling(catalogue, service)
    filled = await filling.fill(tenant, rows=3)
    await filling.fill(other, rows=3)
    assert len(filled) > 4
    assert set(await rows_naming(catalogue, tenant)) == filled
    before = await rows_naming(catalogue, other)

    said = await _purge(catalogue, service, tenant, at_most=2)

    assert await rows_naming(catalogue, tenant) == {}
    assert await rows_naming(catalogue, other) == before
    assert len(said) > len(filled), "it goes in parts"


async def test_rows_that_refer_to_each_other_go_together(catalogue: asyncpg.Connection) -> None:
    tenant = new_id()
    await Filling(catalogue, "processing").fill(tenant, rows=5)
    await catalogue.execute(
        """UPDATE processing.participants SET merged_into =
             (SELECT id FROM processing.participants WHERE tenant_id = $1 ORDER BY ctid LIMIT 1)
            WHERE tenant_id = $1""",
        tenant,
    )
    await _purge(catalogue, "processing", tenant, at_most=1)
    assert await rows_naming(catalogue, tenant) == {}


async def test_no_service_erases_anothers_rows(
    databases: Databases, catalogue: asyncpg.Connection
) -> None:
    call = service_call(await databases("crm"), tenant_id=new_id())
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        async with call.transaction() as tx:
            await tx.value("SELECT purge_tenant('processing')")


async def test_without_a_tenant_nothing_is_erased(databases: Databases) -> None:
    with pytest.raises(asyncpg.RaiseError, match="no tenant is set"):
        async with service_call(await databases("crm")).transaction() as tx:
            await tx.value("SELECT purge_tenant('crm')")


async def _lived_in(database: Database) -> Business:
    """A business in which things have happened."""
    business = await new_business(database)
    request = CreateApiKeyRequest(name="Partner", scopes=["tenant:read"])
    await create_api_key(business.person(), request, clock=Clock())
    async with business.person().transaction() as tx:
        await tx.run(
            """INSERT INTO crm.sessions
                 (id, user_id, workspace_id, user_agent, create_time, refresh_time, expire_time)
               VALUES ($1, $2, $3, '', now(), now(), now() + interval '1 hour')""",
            *(new_id(), business.made.user_id, business.workspace_id),
        )
    return business


async def _erase_everywhere(
    databases: Databases, valkey: redis.Redis, business: Business, event: TenantPurged
) -> None:
    for name in NAMES:
        database = await databases(name)
        call = service_call(database, tenant_id=business.id)
        await erase_tenant(call, event, database=database, valkey=valkey)


async def test_a_purged_tenant_is_gone_and_its_address_is_free(
    databases: Databases, valkey: redis.Redis, catalogue: asyncpg.Connection
) -> None:
    database = await databases("crm")
    business, other = await _lived_in(database), await _lived_in(database)
    cache = Cache(valkey)
    for tenant_id in (business.id, other.id):
        await cache.put(tenant_id, "config", b"x", timedelta(hours=1))
    before = await rows_naming(catalogue, other.id)

    request = DeleteTenantRequest(confirm_name="Aurora", reason="closing")
    await delete_tenant(business.person(), request, settings=AT_ONCE)
    await purge_tenant(service_call(database, tenant_id=business.id), business.id)
    (event,) = await business.told(TenantPurged)
    for _ in range(2):  # The bus delivers at least once.
        await _erase_everywhere(databases, valkey, business, event)

    for trace in (
        *(business.id, business.workspace_id, business.made.user_id, business.email),
        *(email_hash(business.email).hex(), business.made.api_key.split("_")[1]),
    ):
        assert set(await rows_naming(catalogue, trace)) <= KEPT, trace
    assert await rows_naming(catalogue, business.id) == {"crm.purged_tenants": 1}
    assert await rows_naming(catalogue, other.id) == before
    assert await cache.get(business.id, "config") is None
    assert await cache.get(other.id, "config") == b"x"
    with pytest.raises(ApiKeyInvalid):
        await StoredAccess(database).of_api_key(business.made.api_key)
    again = await new_business(database, email=business.email)
    page = await list_tenants(operator_call(database, readonly=True), ListTenantsRequest())
    ids = [tenant.id for tenant in page.tenants]
    assert again.id in ids and business.id not in ids


def test_every_service_erases_what_it_has_of_a_purged_tenant() -> None:
    for service in all_services():
        durables = {
            subscription.durable
            for subscription in service.subscriptions()
            if subscription.message is TenantPurged
        }
        assert durables == {f"{service.name}-erase_tenant-crm"}
