"""What is read of invitations."""

from malha.crm.v1.invitation_pb2 import Invitation
from malha.crm.v1.invitation_service_pb2 import ListInvitationsRequest, ListInvitationsResponse

from services.crm.identity.model import role_of
from services.kit.call import Call
from services.kit.db import Record
from services.kit.pages import Page
from services.kit.rows import from_row
from services.kit.sql import load_sql

sql = load_sql(__package__, "invitations.sql")


async def list_invitations(call: Call, request: ListInvitationsRequest) -> ListInvitationsResponse:
    """Invitations that can still be accepted, newest first."""
    page = Page.of(request, call)
    rows = await call.all(sql.list_invitations, page.after, page.limit)
    rows_shown, next_page_token = page.cut(rows, by="id")
    return ListInvitationsResponse(
        invitations=map(shown, rows_shown), next_page_token=next_page_token
    )


def shown(row: Record) -> Invitation:
    """An invitation without its secret, of which we keep only a hash."""
    return from_row(Invitation, row, role=role_of(row["role"]))
