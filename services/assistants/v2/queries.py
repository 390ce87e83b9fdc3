"""What is read of assistants, as version 2 shows it."""

from malha.assistants.v1 import assistant_service_pb2 as v1
from malha.assistants.v2.assistant_pb2 import Assistant
from malha.assistants.v2.assistant_service_pb2 import (
    GetAssistantRequest,
    ListAssistantsRequest,
    ListAssistantsResponse,
)

from services.assistants.assistants import queries
from services.assistants.v2.model import nested
from services.kit.call import Call


async def list_assistants(call: Call, request: ListAssistantsRequest) -> ListAssistantsResponse:
    """Assistants of the caller's workspace, newest first unless asked otherwise."""
    page = await queries.list_assistants(
        call,
        v1.ListAssistantsRequest(
            page_size=request.page_size,
            page_token=request.page_token,
            name=request.name,
            order_by=request.order_by,
        ),
    )
    return ListAssistantsResponse(
        assistants=[nested(assistant) for assistant in page.assistants],
        next_page_token=page.next_page_token,
    )


async def get_assistant(call: Call, request: GetAssistantRequest) -> Assistant:
    """One assistant of the caller's workspace."""
    return nested(await queries.get_assistant(call, v1.GetAssistantRequest(id=request.id)))
