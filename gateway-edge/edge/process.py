"""The edge's process: what it is wired to, how it starts, and how it stops."""

import asyncio
import time
from contextlib import suppress
from typing import Any

from grpc_health.v1 import health_pb2, health_pb2_grpc
from malha.ingestion.v1.webhook_service_pb2 import (
    ReceiveWebhooksRequest,
    ReceiveWebhooksResponse,
    VerifySubscriptionRequest,
    VerifySubscriptionResponse,
)
from malha.ingestion.v1.webhook_service_pb2_grpc import WebhookServiceStub
from sanic import Sanic
from sanic.application.state import ApplicationServerInfo
from sanic.http.constants import HTTP
from sanic.server.async_server import AsyncioServer

from edge.app import Dependencies, build_app
from edge.collector import Collector, Limits
from edge.settings import EdgeSettings
from services.kit.auth import Signer
from services.kit.log import get_logger
from services.kit.peers import Peers
from services.kit.probes import Probes
from services.kit.settings import KitSettings

log = get_logger(__name__)

_BACKLOG = 2048
_FLUSH_SECONDS = 2.0
_CLOSE_SECONDS = 0.5
_VERIFY_SECONDS = 5.0


class Ingestion:
    """The service behind the edge."""

    def __init__(self, peers: Peers, store_seconds: float) -> None:
        self._peers = peers
        self._store_seconds = store_seconds

    async def store(self, request: ReceiveWebhooksRequest) -> ReceiveWebhooksResponse:
        """Have a batch of webhooks written. Raises AppError."""
        stub = self._peers.system_stub(WebhookServiceStub, deadline=self._store_seconds)
        reply: ReceiveWebhooksResponse = await stub.ReceiveWebhooks(request)
        return reply

    async def verify(self, request: VerifySubscriptionRequest) -> VerifySubscriptionResponse:
        """Ask whether a subscription handshake is right. Raises AppError."""
        stub = self._peers.system_stub(WebhookServiceStub, deadline=_VERIFY_SECONDS)
        reply: VerifySubscriptionResponse = await stub.VerifySubscription(request)
        return reply

    async def check(self) -> None:
        """Raise unless ingestion says that it serves."""
        health = health_pb2_grpc.HealthStub(self._peers.channel("ingestion"))
        reply = await health.Check(health_pb2.HealthCheckRequest(), timeout=1)
        if reply.status != health_pb2.HealthCheckResponse.SERVING:
            raise ConnectionError("ingestion does not serve")


async def serve(kit: KitSettings, settings: EdgeSettings, stop: asyncio.Event) -> int:
    """Serve until `stop`, then answer what has come in. Returns the exit code."""
    peers = Peers(kit.peers, Signer(kit.service_name, kit.service_key.get_secret_value()))
    ingestion = Ingestion(peers, settings.store_seconds)
    collector = Collector(
        ingestion.store,
        Limits(
            batch_webhooks=settings.batch_webhooks,
            batch_bytes=settings.batch_bytes,
            in_flight=settings.batches_in_flight,
            waiting_webhooks=settings.waiting_webhooks,
            waiting_bytes=settings.waiting_bytes,
        ),
    )
    probes = Probes({"ingestion": ingestion.check})
    app = build_app(settings, Dependencies(collector, ingestion.verify, probes.failing))
    try:
        server = await listen(app, settings)
    except OSError as error:
        log.error(
            "cannot listen", setting="MALHA_EDGE_LISTEN", value=settings.listen, why=str(error)
        )
        return 1
    log.info("started", listen=settings.listen)
    await stop.wait()
    log.info("draining")
    await drain(app, server, collector)
    await peers.close()
    log.info("stopped")
    return 0


async def listen(app: Sanic[Any, Any], settings: EdgeSettings) -> AsyncioServer:
    """Take connections. Raises OSError when the address cannot be had."""
    # Without it Sanic would take connections before its routes are there.
    later = {"start_serving": False}
    if settings.socket:
        created = await app.create_server(
            unix=settings.socket,
            return_asyncio_server=True,
            asyncio_server_kwargs=later,
            backlog=_BACKLOG,
        )
    else:
        host, port = settings.address
        created = await app.create_server(
            host=host,
            port=port,
            return_asyncio_server=True,
            asyncio_server_kwargs=later,
            backlog=_BACKLOG,
        )
    assert created is not None
    # Sanic.serve() would note this; without it every answer carries an empty alt-svc header.
    app.state.server_info.append(ApplicationServerInfo({"version": HTTP.VERSION_1}))
    await created.startup()  # type: ignore[no-untyped-call]
    await created.start_serving()  # type: ignore[no-untyped-call]
    return created


async def drain(app: Sanic[Any, Any], server: AsyncioServer, collector: Collector) -> None:
    """Take nothing more, answer what is here, close."""
    server.close()  # type: ignore[no-untyped-call]
    app.config.KEEP_ALIVE = False
    with suppress(TimeoutError):
        await asyncio.wait_for(collector.drain(), _FLUSH_SECONDS)
    end = time.monotonic() + _CLOSE_SECONDS
    while server.connections and time.monotonic() < end:
        for connection in list(server.connections):
            connection.close_if_idle()
        await asyncio.sleep(0.01)
    for connection in list(server.connections):
        connection.abort()
