"""What a person sees of their sessions."""

from malha.crm.v1.session_pb2 import SessionInfo
from malha.crm.v1.session_service_pb2 import ListSessionsRequest, ListSessionsResponse

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.pages import Page
from services.kit.rows import from_row
from services.kit.sql import load_sql

sql = load_sql(__package__, "sessions.sql")


async def list_sessions(
    call: Call, request: ListSessionsRequest, *, clock: Clock
) -> ListSessionsResponse:
    """The caller's sessions that are not over, newest first."""
    page = Page.of(request, call)
    rows = await call.all(sql.list_sessions, call.actor.id, page.after, page.limit, clock.now())
    shown, next_page_token = page.cut(rows, by="id")
    return ListSessionsResponse(
        sessions=[
            from_row(SessionInfo, row, current=row["id"] == call.actor.session_id) for row in shown
        ],
        next_page_token=next_page_token,
    )
