"""A NATS of one's own is killed and comes back; a consumer stops without losing anything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from malha.crm.v1.events_pb2 import TenantUpdated
from nats.aio.client import Client

from services.kit import bus
from services.kit.auth import Signer
from services.kit.bus import BusUnavailable, Consumer, Subscription, connect
from services.kit.call import Call
from services.kit.devstack.nats import find_program
from services.kit.devstack.ports import choose_ports
from services.kit.ids import new_id
from services.kit.outbox import subject
from services.kit.peers import Peers
from services.kit.topology import STREAMS
from services.kit.topology import consumer as durable
from tests.kit.test_auth import KEYS

TENANT = new_id()


class Server:
    """A NATS server that can be killed."""

    def __init__(self, directory: Path) -> None:
        self.port = choose_ports(("nats",), directory / "ports.json")["nats"]
        self.url = f"nats://127.0.0.1:{self.port}"
        self._store = directory / "store"
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            str(find_program()),
            *("-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self._store)),
            stderr=asyncio.subprocess.DEVNULL,
        )

    async def kill(self) -> None:
        if self._process and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    await server.start()
    yield server
    await server.kill()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    client = await connect(server.url, service="crm", seed=None)
    while True:
        try:
            await client.jetstream().add_stream(STREAMS[0])
            break
        except Exception:
            await asyncio.sleep(0.05)  # JetStream is up a moment after the port.
    yield client
    await client.close()


async def _consumer(client: Client, function: Callable[..., Awaitable[None]]) -> Consumer:
    subscription = Subscription("crm", TenantUpdated, function)
    await client.jetstream().add_consumer("EVT", durable(subscription))
    peers = Peers({}, Signer("crm", KEYS["crm"][0]))
    return Consumer(subscription, {}, client=client, database=None, peers=peers)


async def _publish(client: Client, name: str) -> None:
    event = TenantUpdated()
    event.tenant.id = TENANT
    event.tenant.name = name
    while True:
        try:
            await client.jetstream().publish(
                subject(TenantUpdated.DESCRIPTOR, TENANT),
                event.SerializeToString(),
                headers={"tenant": TENANT, "Nats-Msg-Id": name},
                timeout=1,
            )
            return
        except Exception:
            await asyncio.sleep(0.05)


async def test_a_consumer_goes_on_after_the_server_was_killed(
    server: Server, client: Client
) -> None:
    heard: asyncio.Queue[str] = asyncio.Queue()

    async def hear(_call: Call, event: TenantUpdated) -> None:
        heard.put_nowait(event.tenant.name)

    consumer = await _consumer(client, hear)
    running = asyncio.create_task(consumer.run())
    await _publish(client, "before")
    assert await asyncio.wait_for(heard.get(), 10) == "before"
    await server.kill()
    await server.start()
    await _publish(client, "after")
    # No help from `ask_again`: the pull that the dead server forgot is missed by its heartbeats.
    names = set()
    while "after" not in names:  # "before" may come again: its ack may not have been on disk.
        names.add(await asyncio.wait_for(heard.get(), 40))
    running.cancel()


async def _waiting(client: Client, consumer: Consumer) -> int:
    info = await client.jetstream().consumer_info("EVT", consumer.subscription.durable)
    return int(info.num_pending or 0) + int(info.num_ack_pending or 0)


async def test_a_stopping_consumer_finishes_what_it_began_and_gives_the_rest_back(
    client: Client,
) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()
    ended: list[str] = []

    async def hear(_call: Call, event: TenantUpdated) -> None:
        began.set()
        await may_end.wait()
        ended.append(event.tenant.name)

    consumer = await _consumer(client, hear)
    running = asyncio.create_task(consumer.run())
    await _publish(client, "first")
    await asyncio.wait_for(began.wait(), 10)
    stopping = asyncio.create_task(consumer.stop(10))
    await asyncio.sleep(0)
    await _publish(client, "second")
    may_end.set()
    await stopping
    await running
    assert ended[0] == "first"
    # Acknowledged is exactly what has run; the other one waits for the next process. The server
    # counts an acknowledgement a moment after it has it.
    async with asyncio.timeout(10):
        while await _waiting(client, consumer) != 2 - len(ended):
            await asyncio.sleep(0.02)


async def test_what_does_not_end_in_time_is_given_up_and_not_acknowledged(client: Client) -> None:
    began = asyncio.Event()
    cancelled = asyncio.Event()

    async def hear(_call: Call, _event: TenantUpdated) -> None:
        began.set()
        try:
            await asyncio.sleep(60)
        finally:
            cancelled.set()

    consumer = await _consumer(client, hear)
    running = asyncio.create_task(consumer.run())
    await _publish(client, "endless")
    await asyncio.wait_for(began.wait(), 10)
    await consumer.stop(0.1)
    await running
    assert cancelled.is_set()
    info = await client.jetstream().consumer_info("EVT", consumer.subscription.durable)
    assert info.num_ack_pending == 1


async def test_a_durable_that_is_gone_is_not_asked_for_without_a_pause(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def hear(_call: Call, _event: TenantUpdated) -> None: ...

    monkeypatch.setattr(bus, "_REFUSED_SECONDS", 0.2)
    consumer = await _consumer(client, hear)
    await client.jetstream().delete_consumer("EVT", consumer.subscription.durable)
    asked = 0
    publish = client.publish

    async def count(*args: object, **more: object) -> None:
        nonlocal asked
        asked += 1
        await publish(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(client, "publish", count)
    running = asyncio.create_task(consumer.run())
    while asked < 3:
        await asyncio.sleep(0.02)
    before = asked
    await asyncio.sleep(0.3)
    running.cancel()
    assert asked - before <= 2


async def test_a_start_without_a_server_ends_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bus, "_CONNECT_SECONDS", 0.3)
    with pytest.raises(BusUnavailable):
        await connect(Server(tmp_path).url, service="crm", seed=None)
