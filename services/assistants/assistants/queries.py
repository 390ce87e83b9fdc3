"""What is read of assistants."""

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    CountAssistantsRequest,
    CountAssistantsResponse,
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
    """Assistants of the caller's workspace, newest first unless asked otherwise."""
    page = Page.of(request, call)
    rows = await call.all(
        page.directed(sql.list_assistants),
        call.workspace_id,
        request.name,
        page.after,
        page.limit,
    )
    shown, next_page_token = page.cut(rows, by="id")
    return ListAssistantsResponse(
        assistants=[assistant_of(row) for row in shown], next_page_token=next_page_token
    )


async def get_assistant(call: Call, request: GetAssistantRequest) -> Assistant:
    """One assistant of the caller's workspace."""
    row = await call.one(
        sql.get_assistant,
        request.id,
        call.workspace_id,
        missing=AssistantNotFound(id=request.id),
    )
    return assistant_of(row)


async def count_assistants(call: Call, request: CountAssistantsRequest) -> CountAssistantsResponse:
    """How many the tenant has, whatever workspace the call is from."""
    return CountAssistantsResponse(
        count=await call.value(sql.count_assistants, request.workspace_id)
    )
