"""Participants, conversations and messages, and who answers."""

from malha.processing.v1.commands_pb2 import ReceiveMessages
from malha.processing.v1.conversation_service_pb2 import DESCRIPTOR

from services.kit.context import Context
from services.processing.conversations import commands, events, queries

CONTEXT = Context(
    "conversations",
    rpcs=(DESCRIPTOR.services_by_name["ConversationService"],),
    commands=commands,
    queries=queries,
    events=events,
    handles=(ReceiveMessages,),
)
