"""Assistants: who answers for a business, and how."""

from malha.assistants.v1 import assistant_service_pb2

from services.assistants.assistants import commands, queries
from services.kit.context import Context

CONTEXT = Context(
    "assistants",
    rpcs=(assistant_service_pb2.DESCRIPTOR.services_by_name["AssistantService"],),
    commands=commands,
    queries=queries,
)
