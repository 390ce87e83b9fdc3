"""A desk to sign in at: everything signing in needs, on a real PostgreSQL, with a clock to turn."""

from __future__ import annotations

import asyncio
import base64
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import jwt
import orjson
from argon2 import PasswordHasher
from google.protobuf.message import Message
from malha.crm.v1.events_pb2 import AccessChanged
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.session_service_pb2 import RefreshSessionRequest, SignInRequest
from pydantic import SecretStr

from services.crm.identity.model import email_hash
from services.crm.mail.outbox import MailOutbox, sealed_for
from services.crm.mail.settings import MailSettings
from services.crm.passwords.hashing import Passwords, PasswordsBusy
from services.crm.second_factor.codes import SecondFactors
from services.crm.sessions.commands import refresh_session, sign_in
from services.crm.sessions.guessing import Guessing
from services.crm.sessions.opening import Sessions
from services.crm.settings import CrmSettings
from services.kit.auth import AUDIENCE, Signer
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.outbox import subject
from services.kit.testing import kit_settings, public_call, service_call, user_call

PASSWORD = "correct horse battery"
HOME = "203.0.113.7"


class TurnedClock(Clock):
    """A clock that stands still until it is turned."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def turn(self, **by: float) -> None:
        self.time += timedelta(**by)


class WatchedPasswords(Passwords):
    """Counts how many passwords were checked, and can be held after one was."""

    def __init__(self) -> None:
        super().__init__(hasher=_hasher(1))
        self.checked = 0
        self.refuse = False
        self._was_checked = asyncio.Event()
        self._go_on = asyncio.Event()
        self._go_on.set()

    def use(self, *, time_cost: int) -> None:
        """Other parameters from now on."""
        self._hasher = _hasher(time_cost)

    def hold(self) -> asyncio.Event:
        """Set once a password was checked; its answer waits for let_go()."""
        self._go_on.clear()
        return self._was_checked

    def let_go(self) -> None:
        self._go_on.set()

    @contextmanager
    def working_on(self, *accounts: str, address: str = "") -> Iterator[None]:
        """These accounts' passwords are being checked meanwhile."""
        turns = [self._turns.of(account, address) for account in accounts]
        assert all(self._turns.take(turn) for turn in turns)
        try:
            yield
        finally:
            for turn in turns:
                self._turns.give_back(turn)

    async def matches(
        self, stored: str | None, password: str, *, account: str, address: str
    ) -> bool:
        if self.refuse:
            raise PasswordsBusy
        right = await super().matches(stored, password, account=account, address=address)
        self.checked += 1
        self._was_checked.set()
        await self._go_on.wait()
        return right


def _hasher(time_cost: int) -> PasswordHasher:
    return PasswordHasher(time_cost=time_cost, memory_cost=8, parallelism=1)


@dataclass(frozen=True)
class Person:
    """Somebody with an account."""

    tenant_id: str
    workspace_id: str
    id: str
    email: str


class Desk:
    """One replica of crm, as far as signing in goes."""

    def __init__(self, database: Database, infra: Infra, beside: Desk | None = None) -> None:
        kit = kit_settings(infra.environment("crm"))
        self._infra = infra
        self.database = database
        self.clock: TurnedClock = beside.clock if beside else TurnedClock()
        self.settings = CrmSettings(password_reset_answer_time=timedelta(0))
        self.sealer = Sealer([SecretStr(base64.b64encode(b"k" * 32).decode())])
        self.signer = Signer("crm", kit.service_key.get_secret_value())
        self.passwords = WatchedPasswords()
        # A secret of its own: nobody else's guesses count here.
        self.secret: bytes = beside.secret if beside else os.urandom(16)
        self.guessing = Guessing(database, self.clock, self.settings, self.secret)
        self.second_factors = SecondFactors(self.sealer, self.clock)
        self.sessions = Sessions(self.signer, self.sealer, self.settings, self.clock)
        self.mail_settings = MailSettings()
        self.mails = MailOutbox(self.sealer, self.mail_settings)

    def another(self) -> Desk:
        """A replica beside this one: the same store and clock, passwords checked on its own."""
        return Desk(self.database, self._infra, beside=self)

    async def person(self, *, role: str = "owner", of: Person | None = None) -> Person:
        """Somebody new, of a new tenant or of another one's."""
        email = f"{new_id()}@example.com"
        tenant_id = of.tenant_id if of else new_id()
        workspace_id = of.workspace_id if of else new_id()
        password_hash = await self.passwords.hash(PASSWORD)
        async with service_call(self.database, tenant_id=tenant_id).transaction() as tx:
            if of is None:
                await tx.run(
                    "INSERT INTO crm.tenants (name, plan, status, webhooks_per_minute)"
                    " VALUES ('Aurora', 'free', 1, 600)"
                )
                await tx.run(
                    "INSERT INTO crm.workspaces (id, name) VALUES ($1, 'Aurora')", workspace_id
                )
            user_id = new_id()
            await tx.run(
                "INSERT INTO crm.users (id, workspace_id, email, password_hash, role)"
                " VALUES ($1, $2, $3, $4, $5)",
                user_id,
                workspace_id,
                email,
                password_hash,
                role,
            )
            await tx.run(
                "INSERT INTO crm.email_routes (email_hash, tenant_id) VALUES ($1, $2)",
                email_hash(email),
                tenant_id,
            )
        return Person(tenant_id, workspace_id, user_id, email)

    async def sign_in(
        self,
        email: str,
        password: str = PASSWORD,
        *,
        code: str = "",
        address: str = HOME,
        workspace_id: str = "",
        user_agent: str = "Firefox",
    ) -> Session:
        return await sign_in(
            public_call(self.database, address=address, user_agent=user_agent),
            SignInRequest(email=email, password=password, code=code, workspace_id=workspace_id),
            guessing=self.guessing,
            passwords=self.passwords,
            second_factors=self.second_factors,
            sessions=self.sessions,
        )

    async def refresh(self, refresh_token: str, *, workspace_id: str = "") -> Session:
        return await refresh_session(
            public_call(self.database, address=HOME),
            RefreshSessionRequest(refresh_token=refresh_token, workspace_id=workspace_id),
            sessions=self.sessions,
        )

    def call(self, session: Session, *, readonly: bool = False, address: str = HOME) -> Call:
        """A call of somebody signed in."""
        return user_call(
            self.database,
            tenant_id=session.tenant_id,
            workspace_id=session.workspace_id,
            user_id=session.user_id,
            session_id=session.session_id,
            readonly=readonly,
            address=address,
        )

    async def run(self, tenant_id: str, query: str, *args: object) -> None:
        """Change something a tenant has stored."""
        async with service_call(self.database, tenant_id=tenant_id).transaction() as tx:
            await tx.run(query, *args)

    async def set_tenant_status(self, tenant_id: str, status: int) -> None:
        await self.run(
            tenant_id,
            "UPDATE crm.tenants SET status = $1::int,"
            " prior_status = CASE $1::int WHEN 3 THEN 1 END,"
            " delete_time = CASE $1::int WHEN 3 THEN now() END,"
            " purge_time = CASE $1::int WHEN 3 THEN now() END",
            status,
        )

    async def value(self, tenant_id: str, query: str, *args: object) -> object:
        """One value a tenant has stored."""
        async with service_call(self.database, tenant_id=tenant_id).transaction() as tx:
            return await tx.value(query, *args)

    async def emitted(self, tenant_id: str, kind: type[Message]) -> list[Message]:
        """What was emitted for a tenant, in order."""
        async with self.database.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT payload FROM crm.outbox WHERE subject = $1 ORDER BY id",
                subject(kind.DESCRIPTOR, tenant_id),
            )
        return [kind.FromString(row["payload"]) for row in rows]

    async def ended(self, tenant_id: str) -> list[str]:
        """The sessions every process was told to forget."""
        return [
            one
            for event in await self.emitted(tenant_id, AccessChanged)
            for one in event.credential_ids  # type: ignore[attr-defined]
        ]

    async def letters(self, person: Person, kind: str) -> list[dict[str, str]]:
        """What waits to be sent to somebody, opened, oldest first."""
        async with service_call(self.database, tenant_id=person.tenant_id).transaction() as tx:
            rows = await tx.all(
                "SELECT id, sealed FROM crm.mails"
                " WHERE kind = $1 AND recipient_hash = $2 AND state = 'queued' ORDER BY id",
                kind,
                email_hash(person.email),
            )
        return [
            orjson.loads(self.sealer.open(row["sealed"], sealed_for(row["id"]))) for row in rows
        ]


def claims_of(session: Session) -> dict[str, object]:
    """What an access token says, unverified."""
    return jwt.decode(session.access_token, options={"verify_signature": False}, audience=AUDIENCE)
