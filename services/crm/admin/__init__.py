"""What platform operators do to tenants; who did it and why is kept."""

from malha.crm.v1 import admin_service_pb2

from services.crm.admin import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "admin",
    rpcs=(admin_service_pb2.DESCRIPTOR.services_by_name["AdminService"],),
    commands=commands,
    queries=queries,
)
