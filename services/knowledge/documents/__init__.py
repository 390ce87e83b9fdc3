"""Documents: the texts that assistants know."""

from malha.knowledge.v1 import document_service_pb2

from services.kit.context import Context
from services.knowledge.documents import commands, events, queries

CONTEXT = Context(
    "documents",
    rpcs=(document_service_pb2.DESCRIPTOR.services_by_name["DocumentService"],),
    commands=commands,
    queries=queries,
    events=events,
)
