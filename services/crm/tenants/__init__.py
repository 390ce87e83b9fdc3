"""Tenants, their first workspace, and whether they are served."""

from malha.crm.v1 import tenant_service_pb2

from services.crm.tenants import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "tenants",
    rpcs=(tenant_service_pb2.DESCRIPTOR.services_by_name["TenantService"],),
    commands=commands,
    queries=queries,
)
