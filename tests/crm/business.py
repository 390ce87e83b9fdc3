"""A business as operators make it, and calls on its behalf."""

from __future__ import annotations

import base64
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from argon2 import PasswordHasher
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from malha.crm.v1.admin_service_pb2 import CreateTenantRequest, CreateTenantResponse
from malha.crm.v1.api_key_pb2 import ApiKey
from malha.crm.v1.api_key_service_pb2 import CreateApiKeyRequest, NewApiKey, RevokeApiKeyRequest
from pydantic import SecretStr

from services.crm.admin.commands import create_tenant
from services.crm.api_keys.commands import create_api_key, revoke_api_key
from services.crm.identity.model import SCOPES
from services.crm.mail.outbox import MailOutbox
from services.crm.mail.settings import MailSettings
from services.crm.passwords.hashing import Passwords
from services.crm.tenants.model import PLANS
from services.kit.auth import ADMIN, Actor
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.limits import Limits
from services.kit.networks import Networks
from services.kit.outbox import subject
from services.kit.testing import FakePeers, service_call, user_call

M = TypeVar("M", bound=Message)

PASSWORD = "correct horse battery"
MAILS = MailOutbox(Sealer([SecretStr(base64.b64encode(b"k" * 32).decode())]), MailSettings())
PASSWORDS = Passwords(hasher=PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@dataclass(frozen=True)
class Business:
    """A tenant with an owner and a key."""

    database: Database
    made: CreateTenantResponse
    email: str
    peers: FakePeers = field(default_factory=FakePeers)

    @property
    def id(self) -> str:
        return self.made.tenant.id

    @property
    def workspace_id(self) -> str:
        return self.made.workspace_id

    @property
    def limits(self) -> Limits:
        return Limits.of(PLANS[self.made.tenant.plan].limits)

    def person(self, role: str = "owner", *, readonly: bool = False) -> Call:
        """A call of somebody who has signed in."""
        return user_call(
            self.database,
            tenant_id=self.id,
            workspace_id=self.workspace_id,
            user_id=self.made.user_id,
            scopes=frozenset(SCOPES[role]),
            limits=self.limits,
            peers=self.peers,
            readonly=readonly,
        )

    def key(
        self,
        *scopes: str,
        key_id: str = "",
        workspace_id: str = "",
        networks: Iterable[str] = (),
        expire_time: float = float("inf"),
    ) -> Call:
        """A call with an API key."""
        actor = Actor(
            "api_key",
            key_id or new_id(),
            self.id,
            workspace_id or self.workspace_id,
            frozenset(scopes),
            expire_time,
            limits=self.limits,
            networks=Networks.of(tuple(networks)),
        )
        return Call(
            actor,
            database=self.database,
            peers=self.peers,
            correlation_id=new_id(),
        )

    async def told(self, event: type[M]) -> list[M]:
        """What was told of it, the oldest first."""
        async with self.database.pool.acquire() as connection:
            rows = await connection.fetch(
                "SELECT payload FROM crm.outbox WHERE subject = $1 ORDER BY id",
                subject(event.DESCRIPTOR, self.id),
            )
        return [event.FromString(row["payload"]) for row in rows]


def operator_call(database: Database, name: str = "ana", *, readonly: bool = False) -> Call:
    """A call of a platform operator."""
    actor = Actor("operator", name, scopes=frozenset({ADMIN}))
    return Call(actor, database=database, correlation_id=new_id(), readonly=readonly)


async def new_business(
    database: Database, *, plan: str = "free", name: str = "Aurora", email: str = ""
) -> Business:
    """A business nobody else uses."""
    email = email or f"{new_id()}@example.com"
    request = CreateTenantRequest(name=name, plan=plan, owner_email=email, owner_password=PASSWORD)
    made = await create_tenant(service_call(database), request, passwords=PASSWORDS)
    return Business(database, made, email)


async def create_key(call: Call, *scopes: str, **fields: object) -> NewApiKey:
    """A key that may read assistants, unless said otherwise."""
    request = CreateApiKeyRequest(name="Partner", scopes=scopes or ("assistants:read",), **fields)
    return await create_api_key(call, request, clock=Clock())


async def revoke_key(call: Call, request: RevokeApiKeyRequest) -> ApiKey:
    return await revoke_api_key(call, request, mails=MAILS)


def after(**by: float) -> Timestamp:
    """A moment that is to come."""
    moment = Timestamp()
    moment.FromDatetime(datetime.now(UTC) + timedelta(**by))
    return moment
