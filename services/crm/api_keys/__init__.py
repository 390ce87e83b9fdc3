"""The keys of partners' systems: made, changed, rotated, revoked."""

from malha.crm.v1 import api_key_service_pb2

from services.crm.api_keys import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "api_keys",
    rpcs=(api_key_service_pb2.DESCRIPTOR.services_by_name["ApiKeyService"],),
    commands=commands,
    queries=queries,
)
