"""A business with people of every role, and what was told about them."""

from __future__ import annotations

from typing import TypeVar

from google.protobuf.message import Message
from malha.crm.v1.user_pb2 import User
from malha.crm.v1.user_service_pb2 import DeleteUserRequest, GetUserRequest, UpdateUserRequest

from services.crm.users.commands import delete_user, update_user
from services.crm.users.queries import get_user
from services.kit.call import Call
from services.kit.limits import Limits
from services.kit.outbox import subject
from services.kit.testing import partner_call, service_call, user_call
from tests.crm.desk import Desk, Person

M = TypeVar("M", bound=Message)


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

    def call(self, person: Person, *, readonly: bool = False, seats: int = 0) -> Call:
        return user_call(
            self.desk.database,
            tenant_id=person.tenant_id,
            workspace_id=person.workspace_id,
            user_id=person.id,
            readonly=readonly,
            limits=Limits(seats=seats),
        )

    def key(self) -> Call:
        """A call of an API key."""
        return partner_call(
            self.desk.database, tenant_id=self.tenant_id, workspace_id=self.workspace_id
        )

    async def update(self, by: Person | Call, person: Person, **changes: object) -> User:
        call = by if isinstance(by, Call) else self.call(by)
        return await update_user(call, UpdateUserRequest(id=person.id, **changes))

    async def remove(self, by: Person | Call, person: Person) -> None:
        call = by if isinstance(by, Call) else self.call(by)
        await delete_user(call, DeleteUserRequest(id=person.id), mails=self.mails)

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

    async def run(self, query: str, *args: object) -> None:
        async with service_call(self.desk.database, tenant_id=self.tenant_id).transaction() as tx:
            await tx.run(query, *args)
