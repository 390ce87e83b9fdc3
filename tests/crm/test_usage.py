"""What of its limits a tenant uses, from everybody who knows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import redis.asyncio as redis
from malha.assistants.v1.assistant_service_pb2 import CountAssistantsResponse
from malha.crm.v1.api_key_service_pb2 import CreateApiKeyRequest, RotateApiKeyRequest
from malha.crm.v1.tenant_service_pb2 import GetTenantUsageRequest, TenantUsage
from malha.ingestion.v1.connection_service_pb2 import CountConnectionsResponse
from malha.knowledge.v1.document_service_pb2 import MeasureKnowledgeResponse

from services.crm.api_keys.commands import create_api_key, rotate_api_key
from services.crm.tenants.queries import get_tenant_usage
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import Unavailable
from services.kit.ids import new_id
from services.kit.ratelimit import RateLimiter
from tests.crm.business import Business, new_business


@pytest.fixture
def limiter(valkey: redis.Redis) -> RateLimiter:
    return RateLimiter(valkey)


@pytest.fixture
async def business(database: Database) -> Business:
    made = await new_business(database)

    async def count_assistants(_: Any) -> CountAssistantsResponse:
        return CountAssistantsResponse(count=2)

    async def count_connections(_: Any) -> CountConnectionsResponse:
        return CountConnectionsResponse(count=1)

    async def measure_knowledge(_: Any) -> MeasureKnowledgeResponse:
        return MeasureKnowledgeResponse(size_bytes=1234, count=3)

    made.peers.answers |= {
        "AssistantService.CountAssistants": count_assistants,
        "ConnectionService.CountConnections": count_connections,
        "DocumentService.MeasureKnowledge": measure_knowledge,
    }
    return made


async def _usage(business: Business, limiter: RateLimiter) -> TenantUsage:
    return await get_tenant_usage(
        business.person(readonly=True), GetTenantUsageRequest(), limiter=limiter
    )


async def test_usage_says_of_each_limit_what_is_used(
    business: Business, limiter: RateLimiter
) -> None:
    await limiter.spend(business.id, "requests", 7, 300)
    await limiter.spend(business.id, "messages", 3, 60)
    await limiter.take(business.id, 20, 600)
    usage = await _usage(business, limiter)
    used = {field.name: value.used for field, value in usage.ListFields()}
    assert 19 <= used.pop("webhooks_per_minute") <= 20  # Its bucket fills while this runs.
    assert used == {
        "requests_per_minute": 7,
        "messages_per_minute": 3,
        "assistants": 2,
        "connections": 1,
        "knowledge_bytes": 1234,
        "seats": 1,
        "api_keys": 1,
        "workspaces": 1,
    }
    limits = {field.name: value.limit for field, value in usage.ListFields()}
    assert limits == {
        field.name: value for field, value in business.made.tenant.limits.ListFields()
    }


async def test_seats_are_people_and_invitations_that_can_still_be_accepted(
    business: Business, limiter: RateLimiter
) -> None:
    async with business.person().transaction() as tx:
        for email, lasts in (("a@example.com", 1), ("b@example.com", -1)):
            await tx.run(
                """INSERT INTO crm.invitations (id, workspace_id, email, role, expire_time)
                   VALUES ($1, $2, $3, 'agent', now() + $4)""",
                *(new_id(), business.workspace_id, email, timedelta(hours=lasts)),
            )
    assert (await _usage(business, limiter)).seats.used == 2


async def test_a_key_that_was_replaced_is_not_counted(
    business: Business, limiter: RateLimiter
) -> None:
    request = CreateApiKeyRequest(name="K", scopes=["tenant:read"])
    key = (await create_api_key(business.person(), request, clock=Clock())).api_key
    rotation = RotateApiKeyRequest(id=key.id)
    rotation.overlap.FromTimedelta(timedelta(days=1))
    await rotate_api_key(business.person(), rotation, clock=Clock())
    assert (await _usage(business, limiter)).api_keys.used == 2


async def test_nothing_is_made_up_when_somebody_does_not_answer(
    business: Business, limiter: RateLimiter
) -> None:
    async def away(_: Any) -> None:
        raise Unavailable

    business.peers.answers["DocumentService.MeasureKnowledge"] = away
    with pytest.raises(Unavailable):
        await _usage(business, limiter)
