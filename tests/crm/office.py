"""A business with people of every role, and what was told about them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeVar

from google.protobuf.message import Message
from malha.crm.v1.invitation_pb2 import Invitation
from malha.crm.v1.invitation_service_pb2 import (
    AcceptInvitationRequest,
    CreateInvitationRequest,
    DeleteInvitationRequest,
)
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.user_pb2 import ROLE_AGENT, Role, User
from malha.crm.v1.user_service_pb2 import DeleteUserRequest, GetUserRequest, UpdateUserRequest

from services.crm.identity.model import SCOPES
from services.crm.invitations.commands import (
    accept_invitation,
    create_invitation,
    delete_invitation,
)
from services.crm.mail.sending import MailSender
from services.crm.mail.settings import MailSettings
from services.crm.users.commands import delete_user, update_user
from services.crm.users.queries import get_user
from services.kit.call import Call
from services.kit.ids import new_id
from services.kit.limits import Limits
from services.kit.outbox import subject
from services.kit.testing import partner_call, public_call, service_call, user_call
from tests.crm.desk import Desk, Person

M = TypeVar("M", bound=Message)

PASSWORD = "uma senha bem comprida"
NO_SERVER = MailSender(MailSettings(server=""))
SERVER = MailSender(MailSettings(server="mail.example.com:25"))


class Office:
    """One tenant: its first owner, and who else joined."""

    def __init__(self, desk: Desk, owner: Person) -> None:
        self.desk = desk
        self.owner = owner
        self.tenant_id = owner.tenant_id
        self.workspace_id = owner.workspace_id
        self.mails = desk.mails

    async def hire(self, role: str) -> Person:
        return await self.desk.person(role=role, of=self.owner)

    def call(
        self, person: Person, *, readonly: bool = False, seats: int = 0, scopes: Iterable[str] = ()
    ) -> Call:
        return user_call(
            self.desk.database,
            tenant_id=person.tenant_id,
            workspace_id=person.workspace_id,
            user_id=person.id,
            scopes=frozenset(scopes),
            readonly=readonly,
            limits=Limits(seats=seats),
        )

    def key(self, *scopes: str) -> Call:
        """A call of an API key; with no scopes named it holds all that an admin does."""
        return partner_call(
            self.desk.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            scopes=frozenset(scopes or SCOPES["admin"]),
        )

    async def update(self, by: Person | Call, person: Person, **changes: object) -> User:
        call = by if isinstance(by, Call) else self.call(by)
        return await update_user(call, UpdateUserRequest(id=person.id, **changes), mails=self.mails)

    async def remove(self, by: Person | Call, person: Person) -> None:
        call = by if isinstance(by, Call) else self.call(by)
        await delete_user(call, DeleteUserRequest(id=person.id), mails=self.mails)

    async def invite(
        self,
        email: str = "",
        *,
        by: Person | Call | None = None,
        role: Role = ROLE_AGENT,
        workspace_id: str = "",
        sender: MailSender = NO_SERVER,
    ) -> Invitation:
        call = by if isinstance(by, Call) else self.call(by or self.owner)
        request = CreateInvitationRequest(
            email=email or f"{new_id()}@example.com", role=role, workspace_id=workspace_id
        )
        return await create_invitation(call, request, mails=self.mails, sender=sender)

    async def accept(self, token: str, *, password: str = PASSWORD, name: str = "Ana") -> Session:
        return await accept_invitation(
            public_call(self.desk.database, user_agent="Firefox"),
            AcceptInvitationRequest(token=token, name=name, password=password),
            passwords=self.desk.passwords,
            sessions=self.desk.sessions,
            mails=self.mails,
        )

    async def take_back(self, invitation: Invitation) -> None:
        request = DeleteInvitationRequest(id=invitation.id)
        await delete_invitation(self.call(self.owner), request, mails=self.mails)

    async def get(self, person: Person) -> User:
        return await get_user(self.call(self.owner, readonly=True), GetUserRequest(id=person.id))

    async def told(self, kind: type[M]) -> list[M]:
        """The events and commands of a kind about this tenant, oldest first."""
        names = (
            subject(kind.DESCRIPTOR, self.tenant_id),
            subject(kind.DESCRIPTOR, self.tenant_id, "-"),
        )
        rows = await self.desk.database.pool.fetch(
            "SELECT payload FROM crm.outbox WHERE subject = ANY($1) ORDER BY id", names
        )
        return [kind.FromString(row["payload"]) for row in rows]

    async def timers(self, kind: str) -> list[str]:
        """What is armed of this tenant."""
        rows = await self.desk.database.pool.fetch(
            "SELECT id FROM crm.timers WHERE kind = $1 AND tenant_id = $2", kind, self.tenant_id
        )
        return [str(row["id"]) for row in rows]

    async def waiting(self, kind: str) -> object:
        """How many e-mails of a kind wait to be sent, to anybody."""
        query = "SELECT count(*) FROM crm.mails WHERE kind = $1 AND state = 'queued'"
        return await self.desk.value(self.tenant_id, query, kind)

    async def run(self, query: str, *args: object) -> None:
        async with service_call(self.desk.database, tenant_id=self.tenant_id).transaction() as tx:
            await tx.run(query, *args)
