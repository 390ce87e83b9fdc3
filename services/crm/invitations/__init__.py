"""Asking people to join a tenant."""

from malha.crm.v1 import invitation_service_pb2

from services.crm.invitations import commands, events, queries
from services.kit.context import Context

CONTEXT = Context(
    "invitations",
    rpcs=(invitation_service_pb2.DESCRIPTOR.services_by_name["InvitationService"],),
    commands=commands,
    queries=queries,
    events=events,
)
