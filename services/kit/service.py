"""A service: its table of contents, and the process that serves it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

import aiohttp
import grpc
import uvloop
from dishka import AsyncContainer, Provider, make_async_container
from google.protobuf.message import Message
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from nats.aio.client import Client
from pydantic_settings import BaseSettings
from redis.asyncio import Redis

from services.kit import identity_events, purge
from services.kit.auth import Authenticator
from services.kit.bus import (
    BusUnavailable,
    Consumer,
    Subscription,
    listen,
    system_call,
)
from services.kit.context import Context, Function
from services.kit.db import Database
from services.kit.errors import AppError, Unavailable
from services.kit.idempotency import Idempotency
from services.kit.ids import new_id
from services.kit.log import configure_logs, get_logger
from services.kit.outbox import snake_case
from services.kit.pages import configure_pages
from services.kit.peers import CHANNEL_OPTIONS, Peers
from services.kit.probes import Probes
from services.kit.providers import KitProvider, SettingsProvider
from services.kit.ratelimit import RateLimiter
from services.kit.relay import relay_outbox, run_timers
from services.kit.rpc import Pipeline
from services.kit.settings import KitSettings, read_settings, require_complete
from services.kit.telemetry import pool_connections
from services.kit.wiring import Wiring

T = TypeVar("T")

log = get_logger(__name__)

# What every service reacts to.
_EVERYWHERE = (Context("identity", events=identity_events), Context("purge", events=purge))

_SERVER_OPTIONS = [
    *CHANNEL_OPTIONS,
    ("grpc.so_reuseport", 0),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
    ("grpc.max_connection_age_ms", 600_000),
]


class CannotListen(Unavailable):
    """Nothing can be served at {value} ({setting}); it may be in use."""


@dataclass(frozen=True)
class Service:
    """What a service is made of. `service.py` of each reads as its table of contents."""

    name: str
    settings: type[BaseSettings]
    providers: Sequence[Provider]
    contexts: Sequence[Context]
    sends: tuple[type[Message], ...] = ()
    """The commands it may send, its own and others'."""

    def subscriptions(self) -> list[Subscription]:
        """Every durable reaction and command of the service."""
        found = []
        for context in (*_EVERYWHERE, *self.contexts):
            for message in context.handles:
                function = getattr(context.commands, snake_case(message.DESCRIPTOR.name))
                found.append(Subscription(self.name, message, function))
            for event, function in context.marked("_on_event"):
                found.append(Subscription(self.name, event, function))
        return found

    def live_reactions(self) -> list[tuple[type[Message], Function]]:
        """Every @hear function, with its event."""
        contexts = (*_EVERYWHERE, *self.contexts)
        return [item for context in contexts for item in context.marked("_on_live_event")]

    def marked(self, mark: str) -> list[tuple[Any, Function]]:
        """Functions that carry a mark, over all contexts."""
        return [item for context in self.contexts for item in context.marked(mark)]


def run(service: Service) -> None:
    """Serve until SIGTERM or SIGINT, then finish what has begun and leave."""
    settings = read_settings(KitSettings)
    own = read_settings(service.settings)
    require_complete(settings)  # Now: one line, and not the trace of whoever asks first.
    configure_logs(service.name, settings.log_level)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        sys.exit(runner.run(Process(service, settings, own).run()))


class Process:
    """One process of a service, with its roles."""

    def __init__(self, service: Service, settings: KitSettings, own: BaseSettings) -> None:
        self._service = service
        self._settings = settings
        self._container: AsyncContainer = make_async_container(
            KitProvider(settings), SettingsProvider(own), *service.providers
        )
        self._tasks: list[asyncio.Task[None]] = []
        self._consumers: list[Consumer] = []
        self._stop = asyncio.Event()
        self._opened = AsyncExitStack()

    async def run(self) -> int:
        """Start, serve, drain, stop. Returns the exit code."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        stopped = asyncio.create_task(self._stop.wait())
        start = asyncio.create_task(self._start())
        # A start that waits for something must not outlive a SIGTERM.
        await asyncio.wait((start, stopped), return_when=asyncio.FIRST_COMPLETED)
        start.cancel()
        async with self._opened:
            try:
                await start
            except asyncio.CancelledError:
                return 0
            except AppError as error:
                log.error("cannot start", reason=error.reason, problem=error.message)
                return 1
            log.info("started", roles=sorted(self._settings.roles))
            await stopped
            await self._drain()
        log.info("stopped")
        return 0

    async def _start(self) -> None:
        """Open everything; `_opened` closes it in reverse, however far the start came."""
        container, settings, closes = self._container, self._settings, self._opened
        closes.push_async_callback(container.close)
        self._server = grpc.aio.server(options=_SERVER_OPTIONS)
        self._health = health_aio.HealthServicer()
        if settings.encryption_keys:
            key = settings.encryption_keys[0].get_secret_value()
            configure_pages(hashlib.sha256(base64.b64decode(key)).digest())
        self._database = await container.get(Database)
        closes.push_async_callback(self._database.close)
        self._bus = await container.get(Client)
        closes.push_async_callback(self._close_bus)
        closes.push_async_callback((await container.get(aiohttp.ClientSession)).close)
        self._peers = await container.get(Peers)
        closes.push_async_callback(self._peers.close)
        wiring = Wiring(container)
        self._probes = Probes(
            {
                "database": self._database.check,
                "cache": (await container.get(Redis)).ping,
                "bus": self._check_bus,
            },
            on_scrape=self._measure_pool,
        )
        closes.push_async_callback(self._probes.close)
        closes.push_async_callback(self._end_tasks)
        closes.push_async_callback(self._server.stop, 0)
        health_pb2_grpc.add_HealthServicer_to_server(self._health, self._server)
        if "rpc" in settings.roles:
            await self._bind(self._server, wiring)
        await self._hear(wiring)
        # Whoever commits to the outbox is woken to publish it, so every process relays.
        self._keep("outbox relay", lambda: relay_outbox(self._database, self._bus))
        if "worker" in settings.roles:
            await self._work(wiring)
        try:
            self._server.add_insecure_port(settings.rpc_listen)
        except RuntimeError:
            raise CannotListen(setting="MALHA_RPC_LISTEN", value=settings.rpc_listen) from None
        await self._server.start()
        try:
            await self._probes.start(settings.probe_listen)
        except OSError:
            raise CannotListen(setting="MALHA_PROBE_LISTEN", value=settings.probe_listen) from None
        await self._health.set("", health_pb2.HealthCheckResponse.SERVING)

    async def _drain(self) -> None:
        log.info("draining")
        self._probes.drain()
        await self._health.enter_graceful_shutdown()
        drain = self._settings.drain_seconds
        await asyncio.gather(self._server.stop(drain), *(c.stop(drain) for c in self._consumers))

    async def _bind(self, server: grpc.aio.Server, wiring: Wiring) -> None:
        container = self._container
        pipeline = Pipeline(
            await container.get(Authenticator),
            self._database,
            self._peers,
            await container.get(RateLimiter),
            await container.get(Idempotency),
            self._settings.public_requests_per_minute,
        )
        handlers = [
            await pipeline.bind(rpcs, context, wiring)
            for context in self._service.contexts
            for rpcs in context.rpcs
        ]
        server.add_generic_rpc_handlers(handlers)

    async def _hear(self, wiring: Wiring) -> None:
        for event, function in self._service.live_reactions():
            arguments = await wiring.arguments_of(function)

            async def handle(
                message: Message,
                tenant: str,
                function: Function = function,
                arguments: Mapping[str, object] = arguments,
            ) -> None:
                call = system_call(
                    self._service.name,
                    self._database,
                    self._peers,
                    tenant_id=tenant,
                    workspace_id="",
                    correlation_id=new_id(),
                    cause="live",
                )
                await function(call, message, **arguments)

            await listen(self._bus, event, handle)

    async def _work(self, wiring: Wiring) -> None:
        for subscription in self._service.subscriptions():
            consumer = Consumer(
                subscription,
                await wiring.arguments_of(subscription.function),
                client=self._bus,
                database=self._database,
                peers=self._peers,
            )
            self._consumers.append(consumer)
            self._keep(f"consumer {subscription.durable}", consumer.run)
        timers = {
            kind: (function, await wiring.arguments_of(function))
            for kind, function in self._service.marked("_on_timer")
        }
        if timers:
            self._keep("timers", lambda: run_timers(self._database, self._peers, timers))
        for _, function in self._service.marked("_background"):
            arguments = await wiring.arguments_of(function)
            self._keep(function.__name__, lambda f=function, a=arguments: f(**a))  # type: ignore[misc]
        self._keep("reconnects", self._watch_reconnects)

    def _keep(self, name: str, start: Callable[[], Awaitable[None]]) -> None:
        async def keep() -> None:
            while True:
                try:
                    await start()
                    return
                except Exception:
                    log.exception("background task failed", task=name)
                    await asyncio.sleep(1)

        self._tasks.append(asyncio.create_task(keep(), name=name))

    async def _watch_reconnects(self) -> None:
        seen = self._bus.stats["reconnects"]
        while True:
            await asyncio.sleep(0.2)
            if (now := self._bus.stats["reconnects"]) != seen:
                seen = now
                for consumer in self._consumers:
                    consumer.ask_again()

    async def _check_bus(self) -> None:
        if not self._bus.is_connected:
            raise BusUnavailable
        await self._bus.flush(timeout=1)  # A ping and its pong: a server that hangs sends none.

    def _measure_pool(self) -> None:
        pool = self._database.pool
        pool_connections.labels("idle").set(pool.get_idle_size())
        pool_connections.labels("open").set(pool.get_size())

    async def _end_tasks(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _close_bus(self) -> None:
        with suppress(Exception):
            await self._bus.close()
