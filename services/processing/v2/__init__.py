"""Version 2 of the API: conversations with their last message and turn, as an inbox shows them."""

from malha.processing.v2.conversation_service_pb2 import DESCRIPTOR

from services.kit.context import Context
from services.processing.v2 import commands, queries

CONTEXT = Context(
    "v2",
    rpcs=(DESCRIPTOR.services_by_name["ConversationService"],),
    commands=commands,
    queries=queries,
)
