"""Version 2 of the API: an assistant's configuration nested, over the functions of version 1."""

from malha.assistants.v2 import assistant_service_pb2

from services.assistants.v2 import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "v2",
    rpcs=(assistant_service_pb2.DESCRIPTOR.services_by_name["AssistantService"],),
    commands=commands,
    queries=queries,
)
