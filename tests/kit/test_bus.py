"""The bus on a real NATS: retries, dead letters, tenants, and sending again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from google.protobuf.message import Message
from malha.crm.v1.events_pb2 import TenantUpdated
from nats.aio.client import Client

from services.kit import bus
from services.kit.auth import Signer
from services.kit.bus import Consumer, Subscription, connect, retry_delay
from services.kit.call import Call
from services.kit.deadletters import list_dead_letters, send_again
from services.kit.devstack.infra import Infra
from services.kit.errors import InvalidArgument, Unavailable
from services.kit.ids import new_id
from services.kit.outbox import subject
from services.kit.peers import Peers
from services.kit.topology import consumer as durable
from tests.conftest import TestTenant

Listener = Callable[[Call, TenantUpdated], Awaitable[None]]


class NoSuchThing(InvalidArgument):
    """There is no {thing}."""


@pytest.fixture(scope="module")
async def client(infra: Infra) -> AsyncIterator[Client]:
    client = await connect(infra.nats_url, service="test", seed=infra.nats_seed("admin"))
    yield client
    await client.close()


@pytest.fixture
async def listen(
    client: Client, infra: Infra, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[Listener], Awaitable[None]]]:
    """Consume TenantUpdated of this test's tenant with a function."""
    monkeypatch.setattr(bus, "_RETRY_SECONDS", (0.01,))
    tasks: list[asyncio.Task[None]] = []
    names: list[str] = []

    async def start(function: Listener) -> None:
        function.__name__ = f"test_{tenant.id[-12:]}"
        subscription = Subscription("test", TenantUpdated, function)
        config = durable(subscription).evolve(
            filter_subject=subject(TenantUpdated.DESCRIPTOR, tenant.id)
        )
        await client.jetstream().add_consumer("EVT", config)
        names.append(subscription.durable)
        key = infra.environment("crm")["MALHA_SERVICE_KEY"]
        made = Consumer(
            subscription, {}, client=client, database=None, peers=Peers({}, Signer("crm", key))
        )
        tasks.append(asyncio.create_task(made.run()))

    yield start
    for task in tasks:
        task.cancel()
    for name in names:
        await client.jetstream().delete_consumer("EVT", name)


async def _publish(client: Client, tenant_id: str, body: Message | bytes, **more: str) -> None:
    data = body if isinstance(body, bytes) else body.SerializeToString()
    headers = {"tenant": tenant_id, "correlation-id": "c0ffee00", "Nats-Msg-Id": new_id(), **more}
    await client.jetstream().publish(
        subject(TenantUpdated.DESCRIPTOR, tenant_id), data, headers=headers
    )


def _event(tenant_id: str) -> TenantUpdated:
    event = TenantUpdated()
    event.tenant.id = tenant_id
    event.tenant.name = "Aurora"
    return event


async def _letters(client: Client, tenant_id: str) -> list[dict[str, object]]:
    return [one for one in await list_dead_letters(client) if tenant_id in str(one["subject"])]


async def _until(holds: Callable[[], Awaitable[object]]) -> object:
    async with asyncio.timeout(15):
        while not (found := await holds()):
            await asyncio.sleep(0.02)
    return found


async def test_a_function_gets_the_message_with_its_tenant_and_correlation(
    client: Client, tenant: TestTenant, listen: Callable[[Listener], Awaitable[None]]
) -> None:
    got: asyncio.Future[tuple[Call, TenantUpdated]] = asyncio.get_running_loop().create_future()

    async def hear(call: Call, event: TenantUpdated) -> None:
        got.set_result((call, event))

    await listen(hear)
    await _publish(client, tenant.id, _event(tenant.id), workspace=tenant.workspace_id)
    call, event = await asyncio.wait_for(got, 10)
    assert (call.tenant_id, call.workspace_id) == (tenant.id, tenant.workspace_id)
    assert call.correlation_id == "c0ffee00"
    assert event == _event(tenant.id)


async def test_what_is_unavailable_is_tried_again_until_it_is_there(
    client: Client, tenant: TestTenant, listen: Callable[[Listener], Awaitable[None]]
) -> None:
    tries = 0
    done = asyncio.Event()

    async def hear(_call: Call, _event: TenantUpdated) -> None:
        nonlocal tries
        tries += 1
        if tries < 8:  # More often than a bug would be tried.
            raise Unavailable
        done.set()

    await listen(hear)
    await _publish(client, tenant.id, _event(tenant.id))
    await asyncio.wait_for(done.wait(), 15)
    assert tries == 8
    assert not await _letters(client, tenant.id)


async def test_what_can_never_succeed_is_parked_at_once_and_can_be_sent_again(
    client: Client, tenant: TestTenant, listen: Callable[[Listener], Awaitable[None]]
) -> None:
    tries = 0
    mended = False
    done = asyncio.Event()

    async def hear(_call: Call, _event: TenantUpdated) -> None:
        nonlocal tries
        tries += 1
        if not mended:
            raise NoSuchThing(thing="tenant")
        done.set()

    await listen(hear)
    await _publish(client, tenant.id, _event(tenant.id))
    (letter,) = await _until(lambda: _letters(client, tenant.id))  # type: ignore[misc]
    assert tries == 1
    assert letter["reason"] == "NO_SUCH_THING"
    assert letter["detail"] == "There is no tenant."
    mended = True
    await send_again(client, letter["id"])
    await asyncio.wait_for(done.wait(), 10)
    assert not await _letters(client, tenant.id)


async def test_a_bug_is_tried_a_few_times_and_then_parked(
    client: Client, tenant: TestTenant, listen: Callable[[Listener], Awaitable[None]]
) -> None:
    tries = 0

    async def hear(_call: Call, _event: TenantUpdated) -> None:
        nonlocal tries
        tries += 1
        raise ZeroDivisionError

    await listen(hear)
    await _publish(client, tenant.id, _event(tenant.id))
    (letter,) = await _until(lambda: _letters(client, tenant.id))  # type: ignore[misc]
    assert letter["reason"] == "ZeroDivisionError"
    assert tries == 5


@pytest.mark.parametrize(
    ("body", "headers", "reason"),
    [
        (None, {"tenant": "00000000-0000-7000-8000-000000000000"}, "WRONG_TENANT"),
        (b"\xff\xff\xff", {}, "UNDECODABLE"),
        (TenantUpdated(), {}, "INVALID_REQUEST"),
    ],
    ids=["another tenant's header", "not the message", "breaks a rule of the contract"],
)
async def test_a_message_that_is_not_right_never_reaches_a_function(
    client: Client,
    tenant: TestTenant,
    listen: Callable[[Listener], Awaitable[None]],
    body: Message | bytes | None,
    headers: dict[str, str],
    reason: str,
) -> None:
    async def hear(_call: Call, _event: TenantUpdated) -> None:
        pytest.fail("it was handed on")

    await listen(hear)
    await _publish(client, tenant.id, _event(tenant.id) if body is None else body, **headers)
    (letter,) = await _until(lambda: _letters(client, tenant.id))  # type: ignore[misc]
    assert letter["reason"] == reason


@pytest.mark.parametrize("delivered", [1, 3, 6, 50])
def test_retries_wait_longer_and_never_in_step(delivered: int) -> None:
    ceiling = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)[min(delivered, 6) - 1]
    delays = {retry_delay(delivered, Unavailable()) for _ in range(50)}
    assert all(ceiling / 2 <= delay <= ceiling for delay in delays)
    assert len(delays) > 1
    assert retry_delay(delivered, Unavailable(retry_after=40)) >= 40
