"""The outbox relay and the durable timers, on real PostgreSQL and NATS."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from malha.crm.v1.events_pb2 import TenantCreated
from nats.aio.client import Client
from nats.js.errors import APIError

from services.kit import relay
from services.kit.auth import Signer
from services.kit.bus import connect
from services.kit.call import Call
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.outbox import Row, subject
from services.kit.peers import Peers
from services.kit.relay import relay_outbox, run_timers
from services.kit.testing import service_call
from tests.conftest import TestTenant


@pytest.fixture
async def database(databases: Callable[[str], Awaitable[Database]]) -> Database:
    return await databases("crm")


@pytest.fixture(scope="module")
async def client(infra: Infra) -> AsyncIterator[Client]:
    client = await connect(infra.nats_url, service="crm", seed=infra.nats_seed("crm"))
    yield client
    await client.close()


@pytest.fixture(scope="module")
async def admin(infra: Infra) -> AsyncIterator[Client]:
    client = await connect(infra.nats_url, service="test", seed=infra.nats_seed("admin"))
    yield client
    await client.close()


@pytest.fixture
def peers(infra: Infra) -> Peers:
    return Peers({}, Signer("crm", infra.environment("crm")["MALHA_SERVICE_KEY"]))


@asynccontextmanager
async def _running(work: Awaitable[None]) -> AsyncIterator[None]:
    task = asyncio.ensure_future(work)
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def _event(tenant_id: str) -> TenantCreated:
    event = TenantCreated()
    event.tenant.id = tenant_id
    return event


async def _stored(admin: Client, tenant_id: str) -> int:
    info = await admin.jetstream().stream_info(
        "EVT", subjects_filter=subject(TenantCreated.DESCRIPTOR, tenant_id)
    )
    return sum((info.state.subjects or {}).values())


async def _emptied(database: Database) -> None:
    async with asyncio.timeout(15):
        while await database.pool.fetchval("SELECT count(*) FROM crm.outbox"):
            await asyncio.sleep(0.02)


async def test_what_commits_is_published_once_and_leaves(
    database: Database, client: Client, admin: Client, tenant: TestTenant
) -> None:
    call = service_call(database, tenant_id=tenant.id)
    async with _running(relay_outbox(database, client)):
        for _ in range(3):
            async with call.transaction() as tx:
                for _ in range(50):
                    tx.emit(_event(tenant.id))
        await _emptied(database)
    assert await _stored(admin, tenant.id) == 150


async def test_a_batch_published_twice_is_stored_once(
    database: Database, client: Client, admin: Client, tenant: TestTenant
) -> None:
    """A relay killed between publishing and committing publishes its rows again."""
    call = service_call(database, tenant_id=tenant.id)
    async with call.transaction() as tx:
        for _ in range(20):
            tx.emit(_event(tenant.id))
    rows = await database.pool.fetch("SELECT message_id, subject, headers, payload FROM crm.outbox")
    async with _running(relay_outbox(database, client)):
        await _emptied(database)
    await database.pool.executemany(
        "INSERT INTO crm.outbox (message_id, subject, headers, payload) VALUES ($1, $2, $3, $4)",
        [tuple(row.values()) for row in rows],
    )
    async with call.transaction() as tx:
        tx.emit(_event(tenant.id))
    async with _running(relay_outbox(database, client)):
        await _emptied(database)
    assert await _stored(admin, tenant.id) == 21


async def test_two_relays_share_the_work(
    database: Database, client: Client, admin: Client, tenant: TestTenant
) -> None:
    call = service_call(database, tenant_id=tenant.id)
    async with _running(relay_outbox(database, client)), _running(relay_outbox(database, client)):
        await asyncio.gather(*(_emit(call, 20) for _ in range(20)))
        await _emptied(database)
    assert await _stored(admin, tenant.id) == 400


async def test_what_has_just_been_committed_is_published_without_a_look_at_the_table(
    database: Database,
    client: Client,
    admin: Client,
    tenant: TestTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay, "_POLL_SECONDS", 60)
    call = service_call(database, tenant_id=tenant.id)
    async with _running(relay_outbox(database, client)):
        await _emit(call, 1)
        await _emptied(database)  # It has looked, and will not look again.
        await _insert(database, subject(TenantCreated.DESCRIPTOR, tenant.id))
        await _emit(call, 3)
        async with asyncio.timeout(15):
            while await database.pool.fetchval("SELECT count(*) FROM crm.outbox") > 1:
                await asyncio.sleep(0.02)
        assert await _stored(admin, tenant.id) == 4
    async with _running(relay_outbox(database, client)):
        await _emptied(database)
    assert await _stored(admin, tenant.id) == 5


async def _insert(database: Database, subject: str) -> None:
    await database.pool.execute(
        "INSERT INTO crm.outbox (message_id, subject, headers, payload) VALUES ($1, $2, '{}', '')",
        new_id(),
        subject,
    )


async def test_what_is_not_handed_over_is_found_in_the_table(
    database: Database, client: Client, admin: Client, tenant: TestTenant
) -> None:
    """As it is after a process was killed between a commit and its publishing."""
    await _emit(service_call(database, tenant_id=tenant.id), 3)
    assert len(database.outbox.take()) == 3
    async with _running(relay_outbox(database, client)):
        await _emptied(database)
    assert await _stored(admin, tenant.id) == 3


async def test_more_than_is_handed_over_is_published_all_the_same(
    database: Database, client: Client, admin: Client, tenant: TestTenant
) -> None:
    call = service_call(database, tenant_id=tenant.id)
    await _emit(call, 700)
    await _emit(call, 700)
    handed = database.outbox.take()
    assert len(handed) == 700
    database.outbox.add(handed)
    async with _running(relay_outbox(database, client)):
        await _emit(call, 20)
        await _emptied(database)
    assert await _stored(admin, tenant.id) == 1_420


async def test_what_was_handed_over_and_not_published_is_found_in_the_table(
    database: Database,
    client: Client,
    admin: Client,
    tenant: TestTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = relay._publish_batch
    refused: list[Row] = []

    async def refuse_once(client: Client, rows: Sequence[Row]) -> None:
        if not refused:
            refused.extend(rows)
            raise APIError(code=503, err_code=10_077, description="maximum bytes exceeded")
        await publish(client, rows)

    call = service_call(database, tenant_id=tenant.id)
    async with _running(relay_outbox(database, client)):
        await _emit(call, 1)
        await _emptied(database)
        monkeypatch.setattr(relay, "_publish_batch", refuse_once)
        await _emit(call, 3)
        await _emptied(database)
    assert len(refused) == 3
    assert await _stored(admin, tenant.id) == 4


async def _emit(call: Call, count: int) -> None:
    async with call.transaction() as tx:
        for _ in range(count):
            tx.emit(_event(call.tenant_id))


async def test_a_stream_that_takes_nothing_holds_up_only_its_own(
    database: Database,
    client: Client,
    admin: Client,
    tenant: TestTenant,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    publish = relay._publish_batch
    full = True

    async def refuse_commands(client: Client, rows: Sequence[Row]) -> None:
        if full and rows[0].subject.startswith("cmd"):
            raise APIError(code=503, err_code=10_077, description="maximum bytes exceeded")
        await publish(client, [row for row in rows if not row.subject.startswith("cmd")])

    monkeypatch.setattr(relay, "_publish_batch", refuse_commands)
    await _insert(database, "cmd.crm.t.-.probe")
    await _emit(service_call(database, tenant_id=tenant.id), 3)
    async with _running(relay_outbox(database, client)):
        async with asyncio.timeout(15):
            while await database.pool.fetchval("SELECT count(*) FROM crm.outbox") > 1:
                await asyncio.sleep(0.02)
        assert await _stored(admin, tenant.id) == 3
        full = False
        await _emptied(database)


async def test_a_timer_that_hangs_does_not_hold_up_the_others(
    database: Database, peers: Peers, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "_TIMER_LEASE_SECONDS", 0.05)
    now = datetime.now(UTC)
    call = service_call(database, tenant_id=tenant.id)
    async with call.transaction() as tx:
        for _ in range(20):
            tx.arm("hang", new_id(), now - timedelta(seconds=2))
        tx.arm("ring", tenant.id, now - timedelta(seconds=1))
    done = asyncio.Event()

    async def hang(_call: Call, _id: str) -> None:
        await asyncio.sleep(60)

    async def ring(_call: Call, _id: str) -> None:
        done.set()

    functions: dict[str, Any] = {"hang": (hang, {}), "ring": (ring, {})}
    async with _running(run_timers(database, peers, functions)):
        await asyncio.wait_for(done.wait(), 15)
    await database.pool.execute("DELETE FROM crm.timers WHERE kind IN ('hang', 'ring')")


async def test_a_service_may_publish_only_its_own(client: Client, tenant: TestTenant) -> None:
    with pytest.raises(TimeoutError):
        await client.jetstream().publish(
            f"evt.processing.{tenant.id}.message_received", b"", timeout=0.5
        )


async def test_a_timer_fires_for_its_tenant_and_comes_back_until_disarmed(
    database: Database, peers: Peers, tenant: TestTenant
) -> None:
    call = service_call(database, tenant_id=tenant.id, workspace_id=tenant.workspace_id)
    id, later = new_id(), new_id()
    now = datetime.now(UTC)
    async with call.transaction() as tx:
        tx.arm("probe", id, now - timedelta(seconds=1))
        tx.arm("probe", later, now + timedelta(hours=1))
    fired: list[tuple[str, str, str]] = []
    done = asyncio.Event()

    async def probe(call: Call, id: str) -> None:
        fired.append((id, call.tenant_id, call.workspace_id))
        if len(fired) == 1:
            raise RuntimeError("killed in the middle")
        async with call.transaction() as tx:
            tx.disarm("probe", id)
        done.set()

    async with _running(run_timers(database, peers, {"probe": (probe, {})})):
        while not fired:
            await asyncio.sleep(0.02)
        # Its lease is what brings it back; the test does not wait for that long.
        await database.pool.execute("UPDATE crm.timers SET due_time = now() WHERE id = $1", id)
        await asyncio.wait_for(done.wait(), 15)
    assert fired == [(id, tenant.id, tenant.workspace_id)] * 2
    assert await database.pool.fetchval("SELECT id FROM crm.timers WHERE kind = 'probe'") == later
