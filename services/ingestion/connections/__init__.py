"""The channels that workspaces have connected, and their secrets."""

from malha.ingestion.v1 import connection_service_pb2

from services.ingestion.connections import commands, events, queries
from services.kit.context import Context

CONTEXT = Context(
    "connections",
    rpcs=(connection_service_pb2.DESCRIPTOR.services_by_name["ConnectionService"],),
    commands=commands,
    queries=queries,
    events=events,
)
