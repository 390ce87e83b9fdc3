"""An operator suspends a business: webhooks are rejected with a reason, the API refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import asyncpg
import pytest
from malha.crm.v1.admin_service_pb2 import SetTenantStatusRequest
from malha.crm.v1.admin_service_pb2_grpc import AdminServiceStub
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, TENANT_STATUS_SUSPENDED

from services.kit.auth import Signer
from services.kit.devstack.mesh import Mesh
from services.kit.peers import Peers
from tests.outside import Outside, new_customer, until


@pytest.fixture
async def operator(mesh: Mesh) -> AsyncIterator[AdminServiceStub]:
    environment = mesh.wiring.operator()
    peers = Peers(
        json.loads(environment["MALHA_PEERS"]),
        Signer("operator", environment["MALHA_SERVICE_KEY"]),
    )
    yield peers.system_stub(AdminServiceStub, deadline=60)
    await peers.close()


@pytest.fixture
async def ledger(mesh: Mesh) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(mesh.infra.owner_url)
    yield connection
    await connection.close()


async def test_suspended_and_served_again(
    world: Outside, operator: AdminServiceStub, ledger: asyncpg.Connection
) -> None:
    request = SetTenantStatusRequest(
        tenant_id=world.demo["tenant_id"], status=TENANT_STATUS_SUSPENDED, reason="a test"
    )
    customer = new_customer()
    try:
        await operator.SetTenantStatus(request)

        async def refused() -> bool:
            return (await world.rest("GET", "/v1/assistants")).status == 403

        await until(refused, 5)
        assert (await world.rest("GET", "/v1/assistants")).reason == "TENANT_SUSPENDED"
        # Each service hears of it by itself, within moments; the last of these comes after that.
        wamids = [await world.write(customer, "alguém aí?") for _ in range(20)]
        await until(lambda: _nothing_waits(ledger, world.demo["tenant_id"]))
    finally:
        request.status = TENANT_STATUS_ACTIVE
        await operator.SetTenantStatus(request)

    async def served() -> bool:
        return (await world.rest("GET", "/v1/assistants")).status == 200

    await until(served, 40)
    events = await world.get("/v1/webhook-events", pageSize=200)
    (event,) = [e for e in events["webhookEvents"] if e["externalId"] == wamids[-1]]
    assert (event["status"], event["reason"]) == ("WEBHOOK_STATUS_REJECTED", "TENANT_SUSPENDED")


async def _nothing_waits(ledger: asyncpg.Connection, tenant_id: str) -> bool:
    """The API refuses a suspended tenant, so the ledger itself is asked."""
    queued = await ledger.fetchval(
        "SELECT count(*) FROM ingestion.webhook_events WHERE tenant_id = $1 AND status = 'queued'",
        tenant_id,
    )
    return bool(queued == 0)
