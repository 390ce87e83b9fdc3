"""What changes assistants, as version 2 asks for it."""

from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1 import assistant_service_pb2 as v1
from malha.assistants.v2.assistant_pb2 import Assistant
from malha.assistants.v2.assistant_service_pb2 import (
    CreateAssistantRequest,
    DeleteAssistantRequest,
    UpdateAssistantRequest,
)

from services.assistants.assistants import commands
from services.assistants.settings import AssistantsSettings
from services.assistants.v2.model import flat_change, flat_creation, nested, nested_paths
from services.kit.call import Call
from services.kit.clock import Clock


async def create_assistant(
    call: Call, request: CreateAssistantRequest, *, clock: Clock, settings: AssistantsSettings
) -> Assistant:
    """Create an assistant in the caller's workspace; what is absent is the default."""
    with nested_paths():
        created = await commands.create_assistant(
            call, flat_creation(request), clock=clock, settings=settings
        )
    return nested(created)


async def update_assistant(
    call: Call, request: UpdateAssistantRequest, *, clock: Clock
) -> Assistant:
    """Change the parts that the request sets, and in them what it sets."""
    with nested_paths():
        changed = await commands.update_assistant(call, flat_change(request), clock=clock)
    return nested(changed)


async def delete_assistant(call: Call, request: DeleteAssistantRequest, *, clock: Clock) -> Empty:
    """Delete an assistant and let everyone forget it; deleting it again changes nothing."""
    return await commands.delete_assistant(
        call, v1.DeleteAssistantRequest(id=request.id), clock=clock
    )
