"""What services' tests import: settings from a devstack environment, calls, and fake peers."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, TypeVar, cast

from google.protobuf.message import Message

from services.kit.auth import ANONYMOUS, SERVICE, Actor
from services.kit.call import Call
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.limits import UNLIMITED, Limits
from services.kit.peers import Peers
from services.kit.settings import KitSettings

S = TypeVar("S")
Answer = Callable[[Any], Awaitable[Any]]

_JSON_FIELDS = ("peers", "service_public_keys")


def kit_settings(environment: Mapping[str, str]) -> KitSettings:
    """The settings a process with this environment would read, without touching ours."""
    values: dict[str, Any] = {
        name.removeprefix("MALHA_").lower(): value
        for name, value in environment.items()
        if name.startswith("MALHA_")
    }
    for name in _JSON_FIELDS:
        values[name] = json.loads(values[name])
    known = {name: value for name, value in values.items() if name in KitSettings.model_fields}
    return KitSettings(**known)


@asynccontextmanager
async def open_database(
    environment: Mapping[str, str], *, size: int = 8
) -> AsyncIterator[Database]:
    """The database as a service's own role sees it."""
    settings = kit_settings(environment)
    assert settings.database_url is not None
    database = await Database.connect(
        settings.database_url.get_secret_value(), service=settings.service_name, size=size
    )
    try:
        yield database
    finally:
        await database.close()


class FakePeers:
    """Stands in for the other services: 'SearchService.SearchPassages' → an async function."""

    def __init__(self, answers: Mapping[str, Answer] | None = None) -> None:
        self.answers = dict(answers or {})
        self.asked: list[tuple[str, Message]] = []

    def stub(self, stub: Callable[[Any], S], _call: Call) -> S:
        return stub(_FakeChannel(self))


class _FakeChannel:
    def __init__(self, peers: FakePeers) -> None:
        self._peers = peers

    def unary_unary(self, path: str, *_: object, **__: object) -> Answer:
        service, method = path.split(".")[-1].split("/")
        name = f"{service}.{method}"

        async def ask(request: Any, *, timeout: float | None = None) -> Any:
            self._peers.asked.append((name, request))
            return await self._peers.answers[name](request)

        return ask


def service_call(
    database: Database | None,
    *,
    tenant_id: str = "",
    workspace_id: str = "",
    service: str = "test",
    peers: FakePeers | Peers | None = None,
    readonly: bool = False,
    correlation_id: str | None = None,
) -> Call:
    """A call as a bus message or another service would open it."""
    actor = Actor("service", service, tenant_id, workspace_id, frozenset({SERVICE}))
    return Call(
        actor,
        database=database,
        peers=cast(Peers, peers),
        correlation_id=correlation_id or new_id(),
        readonly=readonly,
    )


def partner_call(
    database: Database | None,
    *,
    tenant_id: str,
    workspace_id: str,
    peers: FakePeers | Peers | None = None,
    scopes: frozenset[str] = frozenset(),
    readonly: bool = False,
    limits: Limits = UNLIMITED,
) -> Call:
    """A call as a partner's API key would open it."""
    actor = Actor("api_key", new_id(), tenant_id, workspace_id, scopes, limits=limits)
    return Call(
        actor,
        database=database,
        peers=cast(Peers, peers),
        correlation_id=new_id(),
        readonly=readonly,
    )


def user_call(
    database: Database | None,
    *,
    tenant_id: str,
    workspace_id: str,
    user_id: str,
    session_id: str = "",
    peers: FakePeers | Peers | None = None,
    scopes: frozenset[str] = frozenset(),
    readonly: bool = False,
    limits: Limits = UNLIMITED,
    address: str = "192.0.2.1",
    user_agent: str = "",
) -> Call:
    """A call as a signed-in person would open it."""
    actor = Actor(
        "user",
        user_id,
        tenant_id,
        workspace_id,
        scopes,
        session_id=session_id or new_id(),
        limits=limits,
    )
    return Call(
        actor,
        database=database,
        peers=cast(Peers, peers),
        correlation_id=new_id(),
        readonly=readonly,
        address=address,
        user_agent=user_agent,
    )


def public_call(
    database: Database | None,
    *,
    peers: FakePeers | Peers | None = None,
    address: str = "192.0.2.1",
    user_agent: str = "",
) -> Call:
    """A call of somebody unknown: signing in, accepting an invitation."""
    return Call(
        ANONYMOUS,
        database=database,
        peers=cast(Peers, peers),
        correlation_id=new_id(),
        address=address,
        user_agent=user_agent,
    )
