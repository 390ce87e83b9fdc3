"""What is remembered of tenants: in the process and in Valkey, until it changes."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
import redis.asyncio as redis
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_SUSPENDED,
    Tenant,
    TenantStatus,
)
from malha.crm.v1.tenant_service_pb2 import GetTenantRequest

from services.kit.cache import Cache
from services.kit.call import Call
from services.kit.errors import DeadlineExceeded, NotFound, Unavailable
from services.kit.ids import new_id
from services.kit.tenants import Tenants
from services.kit.testing import FakePeers, service_call
from tests.conftest import TestTenant


class Crm:
    """Stands in for crm: each tenant's status, and when it answers."""

    def __init__(self) -> None:
        self.peers = FakePeers({"TenantService.GetTenant": self.answer})
        self.status: TenantStatus = TENANT_STATUS_ACTIVE
        self.problem: Exception | None = None
        self.answers = asyncio.Event()
        self.answers.set()

    @property
    def asked(self) -> int:
        return len(self.peers.asked)

    async def answer(self, _request: GetTenantRequest) -> Tenant:
        status = self.status
        await self.answers.wait()
        if self.problem is not None:
            raise self.problem
        return Tenant(status=status)


@pytest.fixture
def crm() -> Crm:
    return Crm()


@pytest.fixture
def call(crm: Crm, tenant: TestTenant) -> Call:
    return service_call(None, tenant_id=tenant.id, peers=crm.peers)


@pytest.fixture
def cache(valkey: redis.Redis) -> Cache:
    return Cache(valkey)


@pytest.fixture
def tenants(cache: Cache) -> Tenants:
    return Tenants(cache)


async def test_crm_is_asked_once_for_all_processes(
    tenants: Tenants, cache: Cache, crm: Crm, call: Call
) -> None:
    for _ in range(3):
        assert await tenants.is_served(call)
    assert await Tenants(cache).is_served(call)
    assert crm.asked == 1
    await tenants.of(service_call(None, tenant_id=new_id(), peers=crm.peers))
    assert crm.asked == 2


async def test_what_changes_is_asked_again(tenants: Tenants, crm: Crm, call: Call) -> None:
    assert await tenants.is_served(call)
    crm.status = TENANT_STATUS_SUSPENDED
    await tenants.forget(new_id())
    assert await tenants.is_served(call)
    await tenants.forget(call.tenant_id)
    assert not await tenants.is_served(call)
    assert crm.asked == 2


async def test_an_answer_on_its_way_as_it_changes_is_kept_nowhere(
    tenants: Tenants, cache: Cache, crm: Crm, call: Call
) -> None:
    crm.answers.clear()
    asking = asyncio.create_task(tenants.of(call))
    async with asyncio.timeout(5):
        while not crm.asked:
            await asyncio.sleep(0.001)
    crm.status = TENANT_STATUS_SUSPENDED
    await tenants.forget(call.tenant_id)
    crm.answers.set()
    await asking
    assert not await tenants.is_served(call)
    assert not await Tenants(cache).is_served(call)


async def test_an_answer_that_changes_as_it_is_written_down_is_kept_nowhere(
    tenants: Tenants, cache: Cache, crm: Crm, call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    put = Cache.put_message

    async def slow(self: Cache, tenant_id: str, name: str, message: Tenant, ttl: timedelta) -> None:
        monkeypatch.undo()
        crm.status = TENANT_STATUS_SUSPENDED
        await tenants.forget(tenant_id)  # Its deletion overtakes the write.
        await put(self, tenant_id, name, message, ttl)

    monkeypatch.setattr(Cache, "put_message", slow)
    await tenants.of(call)
    assert not await tenants.is_served(call)
    assert not await Tenants(cache).is_served(call)


@pytest.mark.parametrize("problem", [Unavailable(), DeadlineExceeded()])
async def test_without_crm_what_was_known_last_counts(
    tenants: Tenants, crm: Crm, call: Call, problem: Exception
) -> None:
    crm.problem = problem
    with pytest.raises(type(problem)):
        await tenants.of(call)
    crm.problem = None
    assert await tenants.is_served(call)
    await tenants.forget(call.tenant_id)
    crm.problem = problem
    assert await tenants.is_served(call)
    crm.problem, crm.status = None, TENANT_STATUS_SUSPENDED
    assert await tenants.is_served(call)  # Not asked again at once: it may hang.
    await tenants.forget(call.tenant_id)
    assert not await tenants.is_served(call)


async def test_a_tenant_that_is_gone_is_gone(tenants: Tenants, crm: Crm, call: Call) -> None:
    assert await tenants.is_served(call)
    await tenants.forget(call.tenant_id)
    crm.problem = NotFound()
    with pytest.raises(NotFound):
        await tenants.of(call)
