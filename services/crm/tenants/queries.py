"""What a tenant reads of itself."""

import asyncio
from typing import Any

from malha.assistants.v1.assistant_service_pb2 import CountAssistantsRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.crm.v1.tenant_pb2 import Tenant, Usage
from malha.crm.v1.tenant_service_pb2 import (
    GetTenantRequest,
    GetTenantUsageRequest,
    ListPlansRequest,
    ListPlansResponse,
    TenantUsage,
)
from malha.ingestion.v1.connection_service_pb2 import CountConnectionsRequest
from malha.ingestion.v1.connection_service_pb2_grpc import ConnectionServiceStub
from malha.knowledge.v1.document_service_pb2 import MeasureKnowledgeRequest
from malha.knowledge.v1.document_service_pb2_grpc import DocumentServiceStub

from services.crm.tenants.model import PLANS, TenantNotFound, limits_of, tenant_of
from services.kit.call import Call
from services.kit.ratelimit import RateLimiter
from services.kit.sql import load_sql

sql = load_sql(__package__, "tenants.sql")


async def get_tenant(call: Call, _request: GetTenantRequest) -> Tenant:
    """The caller's own tenant, with what its plan permits."""
    return tenant_of(await call.one(sql.get_tenant, missing=TenantNotFound(id=call.tenant_id)))


async def get_tenant_usage(
    call: Call, _request: GetTenantUsageRequest, *, limiter: RateLimiter
) -> TenantUsage:
    """What of each limit is used; the services that own the things are asked, all at once."""
    own = await call.one(sql.count_usage, missing=TenantNotFound(id=call.tenant_id))
    limits = limits_of(own["plan"], own["webhooks_per_minute"])
    assistants, connections, knowledge, requests, webhooks, messages = await asyncio.gather(
        call.stub(AssistantServiceStub).CountAssistants(CountAssistantsRequest()),
        call.stub(ConnectionServiceStub).CountConnections(CountConnectionsRequest()),
        call.stub(DocumentServiceStub).MeasureKnowledge(MeasureKnowledgeRequest()),
        limiter.used(call.tenant_id, "requests", limits.requests_per_minute),
        limiter.used(call.tenant_id, "webhooks", limits.webhooks_per_minute),
        limiter.used(call.tenant_id, "messages", limits.messages_per_minute),
    )
    used: dict[str, Any] = {
        "requests_per_minute": requests,
        "webhooks_per_minute": webhooks,
        "messages_per_minute": messages,
        "assistants": assistants.count,
        "connections": connections.count,
        "knowledge_bytes": knowledge.size_bytes,
        **{name: own[name] for name in ("seats", "api_keys", "workspaces")},
    }
    return TenantUsage(
        **{name: Usage(used=value, limit=getattr(limits, name)) for name, value in used.items()}
    )


async def list_plans(_call: Call, _request: ListPlansRequest) -> ListPlansResponse:
    """Every plan, the smallest first."""
    return ListPlansResponse(plans=PLANS.values())
