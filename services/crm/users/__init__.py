"""The people of a tenant, and what each may do."""

from malha.crm.v1 import user_service_pb2

from services.crm.users import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "users",
    rpcs=(user_service_pb2.DESCRIPTOR.services_by_name["UserService"],),
    commands=commands,
    queries=queries,
)
