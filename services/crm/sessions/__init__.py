"""People signing in and out: sessions, their tokens, and who guesses."""

from malha.crm.v1 import session_service_pb2

from services.crm.sessions import commands, events, queries
from services.kit.context import Context

CONTEXT = Context(
    "sessions",
    rpcs=(session_service_pb2.DESCRIPTOR.services_by_name["SessionService"],),
    commands=commands,
    queries=queries,
    events=events,
)
