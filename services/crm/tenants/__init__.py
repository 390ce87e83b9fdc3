"""A business: what it is called, what its plan permits, and its end."""

from malha.crm.v1 import tenant_service_pb2

from services.crm.tenants import commands, events, queries
from services.kit.context import Context

CONTEXT = Context(
    "tenants",
    rpcs=(tenant_service_pb2.DESCRIPTOR.services_by_name["TenantService"],),
    commands=commands,
    queries=queries,
    events=events,
)
