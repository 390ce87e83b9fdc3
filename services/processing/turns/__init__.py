"""One answer being made: generated, fenced, delivered, and told apart from the next."""

from malha.processing.v1.commands_pb2 import GenerateReply
from malha.processing.v1.turn_service_pb2 import DESCRIPTOR

from services.kit.context import Context
from services.processing.turns import commands, events

CONTEXT = Context(
    "turns",
    rpcs=(DESCRIPTOR.services_by_name["TurnService"],),
    commands=commands,
    events=events,
    handles=(GenerateReply,),
)
