"""Who is calling: what roles, keys and sessions may do."""

from malha.crm.v1 import identity_service_pb2

from services.crm.identity import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "identity",
    rpcs=(identity_service_pb2.DESCRIPTOR.services_by_name["IdentityService"],),
    commands=commands,
    queries=queries,
)
