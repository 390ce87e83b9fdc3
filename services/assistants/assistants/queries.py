"""What is read of assistants."""

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    GetAssistantRequest,
    ListAssistantsRequest,
    ListAssistantsResponse,
)

from services.assistants.assistants.model import AssistantNotFound, assistant_of
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "assistants.sql")


async def list_assistants(call: Call, request: ListAssistantsRequest) -> ListAssistantsResponse:
    """Assistants of the caller's workspace, newest first."""
    page = Page.of(request)
    async with call.transaction() as tx:
        rows = await tx.all(sql.list_assistants, call.workspace_id, page.after, page.limit)
    shown, next_page_token = page.cut(rows, by="id")
    return ListAssistantsResponse(
        assistants=[assistant_of(row) for row in shown], next_page_token=next_page_token
    )


async def get_assistant(call: Call, request: GetAssistantRequest) -> Assistant:
    """One assistant of the caller's workspace."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.get_assistant,
            request.id,
            call.workspace_id,
            missing=AssistantNotFound(id=request.id),
        )
    return assistant_of(row)
