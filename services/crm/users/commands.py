"""What changes people.

Both functions need `users:write`, also for one's own name: an agent or a viewer asks an admin.
"""

from collections.abc import Sequence

from google.protobuf.empty_pb2 import Empty
from malha.crm.v1.events_pb2 import AccessChanged, UserDeleted, UserUpdated
from malha.crm.v1.user_pb2 import User
from malha.crm.v1.user_service_pb2 import DeleteUserRequest, UpdateUserRequest

from services.crm.identity.model import email_hash, role_text
from services.crm.mail.outbox import MailOutbox
from services.crm.mail.withdrawal import withdraw
from services.crm.sessions.ending import end_sessions, live_sessions
from services.crm.users.model import (
    require_an_owner_stays,
    require_may_change,
    require_may_give,
    roles_given_by,
)
from services.crm.users.people import find_person, lock_person, shown
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.call import Call
from services.kit.db import Record, Transaction
from services.kit.etags import require_etag
from services.kit.sql import load_sql

sql = load_sql(__package__, "users.sql")


async def update_user(call: Call, request: UpdateUserRequest, *, mails: MailOutbox) -> User:
    """A person with what was set: name, role, first workspace.

    Invitations they made to roles that they may not give any more are taken back.
    """
    async with call.transaction() as tx:
        person = await lock_person(tx, call, request.id)
        current = shown(person.row)
        require_etag(request, current)
        changed = _changed(person.row, request)
        role, new_role = person.row["role"], changed["role"]
        # An owner's name and workspace are theirs, too: nobody else changes an owner at all.
        require_may_change(by=person.by, role=role, new_role=new_role)
        require_an_owner_stays(owners=person.owners, role=role, new_role=new_role)
        if new_role != role:
            require_may_give(call.actor, new_role)
        if changed == dict(person.row):
            return current
        moved = changed["workspace_id"] != person.row["workspace_id"]
        if moved:
            missing = WorkspaceNotFound(id=changed["workspace_id"])
            await tx.one(sql.keep_workspace, changed["workspace_id"], missing=missing)
        await tx.run(
            sql.update_user, request.id, changed["name"], new_role, changed["workspace_id"]
        )
        if new_role != role:
            await _withdraw_offers(tx, mails, request.id, but=roles_given_by(new_role))
        user = await find_person(tx, request.id)
        tx.emit(UserUpdated(user=user))
        # An empty list would be about all of the tenant.
        if (moved or new_role != role) and (ids := await live_sessions(tx, request.id)):
            tx.emit(AccessChanged(credential_ids=ids))
    return user


async def delete_user(call: Call, request: DeleteUserRequest, *, mails: MailOutbox) -> Empty:
    """Remove a person, their sessions and the invitations they made.

    Their address may join any business again.
    """
    async with call.transaction() as tx:
        person = await lock_person(tx, call, request.id)
        role, email = person.row["role"], person.row["email"]
        require_may_change(by=person.by, role=role, new_role="")
        require_an_owner_stays(owners=person.owners, role=role, new_role="")
        await end_sessions(tx, request.id)
        await _withdraw_offers(tx, mails, request.id, but=roles_given_by(""))
        await mails.take_back(tx, email)
        await tx.run(sql.delete_user, request.id)
        await tx.run(sql.free_email, email_hash(email))
        tx.emit(UserDeleted(user_id=request.id))
    return Empty()


async def _withdraw_offers(
    tx: Transaction, mails: MailOutbox, user_id: str, but: Sequence[str]
) -> None:
    """Take back the invitations that a person has made, but for those to some roles."""
    await withdraw(tx, mails, await tx.all(sql.delete_invitations, f"user:{user_id}", but))


def _changed(row: Record, request: UpdateUserRequest) -> Record:
    changed = dict(row)
    if request.HasField("name"):
        changed["name"] = request.name.strip()
    if request.HasField("role"):
        changed["role"] = role_text(request.role)
    if request.HasField("workspace_id"):
        changed["workspace_id"] = request.workspace_id
    return changed
