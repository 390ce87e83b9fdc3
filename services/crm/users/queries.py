"""What is read of people."""

from malha.crm.v1.user_pb2 import ROLE_UNSPECIFIED, User
from malha.crm.v1.user_service_pb2 import (
    GetCurrentUserRequest,
    GetUserRequest,
    ListUsersRequest,
    ListUsersResponse,
)

from services.crm.identity.model import role_text
from services.crm.users.model import UserNotFound
from services.crm.users.people import shown
from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql

sql = load_sql(__package__, "users.sql")


async def list_users(call: Call, request: ListUsersRequest) -> ListUsersResponse:
    """The tenant's people, newest first unless asked otherwise."""
    page = Page.of(request, call)
    role = role_text(request.role) if request.role != ROLE_UNSPECIFIED else ""
    rows = await call.all(page.directed(sql.list_users), role, page.after, page.limit)
    rows_shown, next_page_token = page.cut(rows, by="id")
    return ListUsersResponse(users=map(shown, rows_shown), next_page_token=next_page_token)


async def get_user(call: Call, request: GetUserRequest) -> User:
    """One person."""
    missing = UserNotFound(id=request.id)
    return shown(await call.one(sql.get_user, request.id, missing=missing))


async def get_current_user(call: Call, _request: GetCurrentUserRequest) -> User:
    """Whoever is signed in."""
    missing = UserNotFound(id=call.actor.id)
    return shown(await call.one(sql.get_user, call.actor.id, missing=missing))
