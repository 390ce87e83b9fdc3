"""An operator suspends a business: webhooks are rejected with a reason, the API refuses."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

import pytest
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, TENANT_STATUS_SUSPENDED
from malha.crm.v1.tenant_service_pb2 import SetTenantStatusRequest
from malha.crm.v1.tenant_service_pb2_grpc import TenantServiceStub

from services.kit.auth import Signer
from services.kit.devstack.mesh import Mesh
from services.kit.peers import Peers
from tests.outside import Outside, new_customer, until


@pytest.fixture
async def operator(mesh: Mesh) -> AsyncIterator[TenantServiceStub]:
    environment = mesh.wiring.operator()
    peers = Peers(
        json.loads(environment["MALHA_PEERS"]),
        Signer("operator", environment["MALHA_SERVICE_KEY"]),
    )
    yield peers.system_stub(TenantServiceStub, deadline=60)
    await peers.close()


async def test_suspended_and_served_again(world: Outside, operator: TenantServiceStub) -> None:
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
    finally:
        request.status = TENANT_STATUS_ACTIVE
        await operator.SetTenantStatus(request)

    async def judged() -> dict[str, str] | None:
        answer = await world.rest("GET", "/v1/webhook-events", params={"pageSize": 200})
        events = answer.body["webhookEvents"] if answer.status == 200 else []
        mine = [e for e in events if e["externalId"] == wamids[-1]]
        return mine[0] if mine and mine[0]["status"] != "WEBHOOK_STATUS_QUEUED" else None

    event = await until(judged)
    assert (event["status"], event["reason"]) == ("WEBHOOK_STATUS_REJECTED", "TENANT_SUSPENDED")
