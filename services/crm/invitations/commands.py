"""Asking people to join, and joining.

An address belongs to one account of all Malha, since people sign in with nothing else. So who may
invite can learn whether somebody has an account somewhere (EMAIL_ALREADY_REGISTERED), never where:
the price of saying why an invitation cannot work. It takes `users:write`, counts against the
tenant's requests a minute, and whoever joins by a secret learns it of their own address only.
"""

from datetime import UTC, datetime

from google.protobuf.empty_pb2 import Empty
from malha.crm.v1.events_pb2 import UserCreated
from malha.crm.v1.invitation_pb2 import Invitation
from malha.crm.v1.invitation_service_pb2 import (
    AcceptInvitationRequest,
    CreateInvitationRequest,
    DeleteInvitationRequest,
)
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE

from services.crm.identity.model import email_hash, role_text
from services.crm.invitations.model import (
    MOST_MAILS_A_DAY,
    VALID_FOR,
    InvitationInvalid,
    InvitationNotFound,
    InvitedTooOften,
    new_secret,
    normal_email,
    secret_hash,
)
from services.crm.invitations.queries import shown
from services.crm.mail.addresses import require_deliverable
from services.crm.mail.model import INVITATION
from services.crm.mail.outbox import MailOutbox
from services.crm.mail.sending import MailSender
from services.crm.mail.withdrawal import withdraw
from services.crm.passwords.hashing import Passwords
from services.crm.passwords.model import require_strong
from services.crm.sessions.opening import Sessions
from services.crm.tenants.changes import actor_text
from services.crm.tenants.model import EmailAlreadyRegistered
from services.crm.users.model import (
    ADMIN,
    require_may_change,
    require_may_give,
    roles_given_by,
)
from services.crm.users.people import claim_email, find_person
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.auth import ScopeMissing, TenantSuspended
from services.kit.call import Call
from services.kit.db import Record, Transaction
from services.kit.ids import new_id
from services.kit.limits import keep_within
from services.kit.sql import load_sql

sql = load_sql(__package__, "invitations.sql")


async def create_invitation(
    call: Call, request: CreateInvitationRequest, *, mails: MailOutbox, sender: MailSender
) -> Invitation:
    """Invite somebody by e-mail, in place of an invitation they have.

    Whoever invites gets the secret only where there is no mail server: what the mailbox alone
    is told proves that the address belongs to who accepts.
    """
    email = normal_email(request.email)
    require_deliverable(email, field="email")
    role = role_text(request.role)
    workspace_id = request.workspace_id or call.workspace_id
    secret = new_secret()
    expire_time = datetime.now(UTC) + VALID_FOR
    async with call.transaction() as tx:
        await _require_may_invite(tx, call, role)
        missing = WorkspaceNotFound(id=workspace_id)
        business = await tx.one(sql.get_business, workspace_id, missing=missing)
        if await tx.value(sql.is_registered, email_hash(email)):
            raise EmailAlreadyRegistered
        # Taken also without a limit: two invitations of one address at once replace each other.
        await tx.serialize("seats")
        await keep_within(tx, "seats", call.limits.seats, sql.count_seats, email)
        await _make_room(tx, mails, email)
        row = await tx.one(
            sql.insert_invitation,
            new_id(),
            workspace_id,
            email,
            role,
            expire_time,
            actor_text(call.actor),
            secret_hash(secret),
        )
        tx.arm(INVITATION, row["id"], expire_time)
        await mails.enqueue(
            tx,
            kind=INVITATION,
            to=email,
            language=business["language"],
            secret=secret,
            expire_time=expire_time,
            business=business["name"],
        )
    invitation = shown(row)
    if not sender.configured:
        invitation.token = secret
    return invitation


async def delete_invitation(
    call: Call, request: DeleteInvitationRequest, *, mails: MailOutbox
) -> Empty:
    """Take an invitation back; what was not sent of it yet never is."""
    async with call.transaction() as tx:
        missing = InvitationNotFound(id=request.id)
        row = await tx.one(sql.delete_invitation, request.id, missing=missing)
        await withdraw(tx, mails, [row])
    return Empty()


async def accept_invitation(
    call: Call,
    request: AcceptInvitationRequest,
    *,
    passwords: Passwords,
    sessions: Sessions,
    mails: MailOutbox,
) -> Session:
    """Join with the secret of an invitation, once, and be signed in."""
    # Looked for first: a password is hashed at a price, which nobody pays for a wrong secret.
    async with call.transaction() as tx:
        invitation = await _invitation_of(tx, request.token)
        if await tx.value(sql.is_registered, email_hash(invitation["email"])):
            raise EmailAlreadyRegistered
    require_strong(request.password, invitation["email"])
    password_hash = await passwords.hash(
        request.password, account=invitation["email"], address=call.address
    )
    user_id = new_id()
    async with call.transaction() as tx:
        invitation = await _invitation_of(tx, request.token)
        # Of several who show the secret at once, one deletes the row.
        missing = InvitationInvalid()
        await withdraw(
            tx, mails, [await tx.one(sql.delete_invitation, invitation["id"], missing=missing)]
        )
        email, workspace_id = invitation["email"], invitation["workspace_id"]
        await claim_email(tx, email)
        role, name = invitation["role"], request.name.strip()
        await tx.run(sql.insert_user, user_id, workspace_id, email, password_hash, role, name)
        session = await sessions.open(
            tx, user_id=user_id, workspace_id=workspace_id, user_agent=call.user_agent
        )
        tx.emit(UserCreated(user=await find_person(tx, user_id)))
    return session


async def _require_may_invite(tx: Transaction, call: Call, role: str) -> None:
    """Raise unless the caller may give this role, and keep it so until this commits.

    Whoever takes the role from them at this moment waits, and then finds their invitation.
    An API key counts as an admin.
    """
    by = ADMIN
    if call.actor.kind == "user":
        by = await tx.value(sql.hold_role, call.actor.id) or ""
        if not roles_given_by(by):
            raise ScopeMissing(scope="users:write")
    require_may_change(by=by, role="", new_role=role)
    require_may_give(call.actor, role)


async def _make_room(tx: Transaction, mails: MailOutbox, email: str) -> None:
    """Replace what there is for an address. Raises InvitedTooOften."""
    await withdraw(tx, mails, await tx.all(sql.replace_invitation, email))
    if await mails.sent_today(tx, email, INVITATION) >= MOST_MAILS_A_DAY:
        raise InvitedTooOften(times=MOST_MAILS_A_DAY)


async def _invitation_of(tx: Transaction, secret: str) -> Record:
    """The invitation of a secret, in a transaction that is its tenant's from here on.

    Raises InvitationInvalid, TenantSuspended.
    """
    route = await tx.one(sql.route_of_secret, secret_hash(secret), missing=InvitationInvalid())
    await tx.switch(route["tenant_id"])
    invitation = await tx.one(
        sql.get_invitation, route["invitation_id"], missing=InvitationInvalid()
    )
    if invitation["tenant_status"] != TENANT_STATUS_ACTIVE:
        raise TenantSuspended
    return invitation
