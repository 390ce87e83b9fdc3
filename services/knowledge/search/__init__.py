"""Search: the passages that are most like a question."""

from malha.knowledge.v1 import search_service_pb2

from services.kit.context import Context
from services.knowledge.search import queries

CONTEXT = Context(
    "search",
    rpcs=(search_service_pb2.DESCRIPTOR.services_by_name["SearchService"],),
    queries=queries,
)
