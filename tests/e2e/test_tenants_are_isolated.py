"""No tenant sees or changes another's: over every RPC, route, table, cache key and subject.

The cases are generated from the contracts and the catalogue, so what is new is attacked as soon as
it exists, and what cannot be generated fails until somebody says how. Mutations show that the tests
can fail.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import aiohttp
import asyncpg
import pytest
import redis.asyncio as redis

from envoyconf.contracts import http_rules, load_contracts
from services.kit.bus import Consumer, Subscription, WrongTenant, listen
from services.kit.devstack.mesh import Mesh
from services.kit.ids import new_id
from services.kit.outbox import kind_of, subject
from services.registry import services
from tests.e2e.isolation.attack import leaks
from tests.e2e.isolation.businesses import Business, found, furnish
from tests.e2e.isolation.cases import case_of, methods
from tests.e2e.isolation.stores import (
    ROUTE_COLUMNS,
    SHARED_COLUMNS,
    fingerprint,
    leaks_of_keys,
    leaks_of_tables,
    shared_tables,
    tenant_tables,
)

# Of nobody yet, or of nobody any more: a webhook to no connection we know, guesses at addresses by
# their hashes, and the ids of tenants that were erased.
WITHOUT_TENANT = {"unrouted_webhooks", "sign_in_attempts", "purged_tenants"}
VERBS = ("DISABLE", "ENABLE")


@pytest.fixture(scope="module")
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
        yield session


@pytest.fixture(scope="module")
async def owner(mesh: Mesh) -> AsyncIterator[asyncpg.Connection]:
    """The database as its owner, whom no policy holds."""
    connection = await asyncpg.connect(mesh.infra.owner_url)
    yield connection
    await connection.close()


@pytest.fixture(scope="module")
async def victim(mesh: Mesh, http: aiohttp.ClientSession) -> Business:
    """Has one of everything."""
    business = await found(mesh, http, "Vitima")
    await furnish(business)
    return business


@pytest.fixture
async def attacker(mesh: Mesh, http: aiohttp.ClientSession) -> Business:
    """A tenant of its own, with all the rights that one has."""
    return await found(mesh, http, "Intruso")


async def test_no_rpc_and_no_route_tells_or_changes_anything(
    attacker: Business, victim: Business, owner: asyncpg.Connection
) -> None:
    before = await fingerprint(owner, victim.tenant_id)
    assert [leak async for leak in leaks(attacker, victim)] == []
    assert await fingerprint(owner, victim.tenant_id) == before


async def test_the_victim_itself_finds_what_was_asked_for(victim: Business) -> None:
    """Else nothing would be found because nothing is there."""
    for path in (
        f"/v1/assistants/{victim.ids['assistant']}",
        f"/v1/documents/{victim.ids['document']}",
        f"/v1/connections/{victim.ids['connection']}",
        f"/v1/conversations/{victim.ids['conversation']}/messages/{victim.ids['message']}",
        f"/v1/webhook-events/{victim.ids['webhook_event']}",
        f"/v1/timelines/{victim.ids['correlation']}",
        f"/v1/users/{victim.ids['user']}",
        f"/v1/api-keys/{victim.ids['other_api_key']}",
        f"/v1/workspaces/{victim.ids['empty_workspace']}",
    ):
        await victim.world.get(path)
    passages = await victim.world.get(
        "/v1/passages", assistantId=victim.ids["assistant"], queries="o segredo da casa"
    )
    assert victim.mark in str(passages)


def test_every_rpc_has_a_case() -> None:
    ids: dict[str, str] = dict.fromkeys(
        (
            *("tenant", "workspace", "empty_workspace", "user", "session", "api_key"),
            *("other_api_key", "invitation", "assistant", "document", "connection"),
            *("conversation", "participant", "message", "turn", "correlation", "webhook_event"),
        ),
        new_id(),
    )
    cases = [case_of(method, ids) for method in methods()]
    assert len(cases) > 70
    assert {c.method.name for c in cases if list(http_rules(c.method))} >= {"GetAssistant"}


async def test_no_table_shows_or_gives_a_row(
    mesh: Mesh, owner: asyncpg.Connection, victim: Business, attacker: Business
) -> None:
    tables = await tenant_tables(owner)
    assert len(tables) > 20
    found = await leaks_of_tables(mesh.infra, tables, victim.tenant_id, attacker.tenant_id)
    assert found == []


async def test_tables_without_a_policy_hold_nothing_of_anybody(owner: asyncpg.Connection) -> None:
    for table, columns in (await shared_tables(owner)).items():
        if table in SHARED_COLUMNS:
            assert columns == SHARED_COLUMNS[table], table
        elif table.endswith("_routes"):
            strange = {c for c in columns if not c.endswith(ROUTE_COLUMNS) and c != "id"}
            assert not strange, f"{table}: {strange}"
        else:
            assert table in WITHOUT_TENANT, table


async def test_without_its_policy_every_table_would_leak(
    mesh: Mesh, owner: asyncpg.Connection, victim: Business, attacker: Business
) -> None:
    """Of those that the victim has rows in: the check above can fail for each of them."""
    rows = await fingerprint(owner, victim.tenant_id)
    tables = [table for table, hashed in rows.items() if not hashed.startswith("0 ")]
    assert len(tables) > 15
    for table in tables:
        do, undo = (f"ALTER TABLE {table} {verb} ROW LEVEL SECURITY" for verb in VERBS)
        async with _mutated(owner, do, undo):
            found = await leaks_of_tables(mesh.infra, [table], victim.tenant_id, attacker.tenant_id)
        assert found, table


async def test_no_cache_key_leads_from_one_tenant_to_another(
    mesh: Mesh, victim: Business, attacker: Business
) -> None:
    await attacker.world.rest("GET", f"/v1/assistants/{victim.ids['assistant']}")
    client = redis.Redis.from_url(mesh.infra.redis_url)
    try:
        keys = [key.decode() async for key in client.scan_iter(count=1000)]
    finally:
        await client.aclose()
    assert any(victim.tenant_id in key for key in keys)
    assert leaks_of_keys(keys, list(victim.ids.values()), attacker.tenant_id) == []
    for key in keys:
        if any(id in key for noun, id in victim.ids.items() if noun not in ("conversation",)):
            assert victim.tenant_id in key, f"{key} names the victim's, but not the victim"


SUBSCRIPTIONS = [s for service in services() for s in service.subscriptions()]


def test_every_subject_carries_a_tenant() -> None:
    for file in load_contracts():
        for descriptor in file.message_types_by_name.values():
            if kind_of(descriptor):
                assert subject(descriptor, "a-tenant").split(".")[2] == "a-tenant"


@pytest.mark.parametrize("subscription", SUBSCRIPTIONS, ids=lambda s: s.durable)
async def test_a_message_for_one_tenant_on_anothers_subject_is_refused(
    subscription: Subscription,
) -> None:
    called = []

    async def function(*_: object, **__: object) -> None:
        called.append(True)

    consumer = Consumer(
        Subscription(subscription.service, subscription.message, function),
        {},
        client=SimpleNamespace(),
        database=None,
        peers=SimpleNamespace(),
    )  # type: ignore[arg-type]
    message: Any = SimpleNamespace(
        subject=subject(subscription.message.DESCRIPTOR, new_id(), "-"),
        headers={"tenant": new_id()},
        data=b"",
    )
    with pytest.raises(WrongTenant):
        await consumer._run(message)
    assert not called


async def test_a_live_event_for_one_tenant_on_anothers_subject_is_not_heard() -> None:
    heard: list[str] = []
    receive: list[Any] = []

    async def handle(_event: object, tenant: str) -> None:
        heard.append(tenant)

    async def subscribe(_subject: str, cb: Any) -> None:
        receive.append(cb)

    client: Any = SimpleNamespace(subscribe=subscribe)
    event, _ = services()[0].live_reactions()[0]
    await listen(client, event, handle)
    ours, theirs = new_id(), new_id()
    for tenant in (theirs, ours):
        named = subject(event.DESCRIPTOR, ours)
        await receive[0](SimpleNamespace(subject=named, headers={"tenant": tenant}, data=b""))
    assert heard == [ours]


@asynccontextmanager
async def _mutated(owner: asyncpg.Connection, do: str, undo: str) -> AsyncIterator[None]:
    await owner.execute(do)
    try:
        yield
    finally:
        await owner.execute(undo)


MUTATIONS = {
    "a policy is dropped": (
        "malha.crm.v1.UserService",
        "ALTER TABLE crm.users DISABLE ROW LEVEL SECURITY",
        "ALTER TABLE crm.users ENABLE ROW LEVEL SECURITY",
    ),
    "a policy lets everybody in": (
        "malha.crm.v1.WorkspaceService",
        "ALTER POLICY tenant ON crm.workspaces USING (true) WITH CHECK (true)",
        "ALTER POLICY tenant ON crm.workspaces"
        " USING (tenant_id = (SELECT current_tenant()))"
        " WITH CHECK (tenant_id = (SELECT current_tenant()))",
    ),
    "a tenant filter is skipped": (
        "malha.crm.v1.ApiKeyService",
        "ALTER POLICY tenant ON crm.api_keys USING (current_tenant() IS NOT NULL)",
        "ALTER POLICY tenant ON crm.api_keys USING (tenant_id = (SELECT current_tenant()))",
    ),
}


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda name: name.replace(" ", "_"))
async def test_the_attack_can_succeed(
    mutation: str,
    mesh: Mesh,
    owner: asyncpg.Connection,
    http: aiohttp.ClientSession,
    attacker: Business,
) -> None:
    victim = await found(mesh, http, "Vitima")
    await furnish(victim)
    of, do, undo = MUTATIONS[mutation]
    async with _mutated(owner, do, undo):
        got = [leak async for leak in leaks(attacker, victim, of)]
    ways = {(leak.over, leak.shown) for leak in got if leak.problem.startswith("shows")}
    assert ways == {(over, shown) for over in ("gRPC", "REST") for shown in attacker.credentials}
