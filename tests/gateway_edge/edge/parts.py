"""The edge as a real HTTP server, in front of a gRPC server that plays ingestion."""

import asyncio
import base64
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp
import grpc
from grpc_health.v1 import health_pb2_grpc
from grpc_health.v1.health import aio as health_aio
from grpc_status import rpc_status
from malha.ingestion.v1.webhook_service_pb2 import (
    ReceiveWebhooksRequest,
    ReceiveWebhooksResponse,
    VerifySubscriptionRequest,
    VerifySubscriptionResponse,
    WebhookAnswer,
)
from malha.ingestion.v1.webhook_service_pb2_grpc import (
    WebhookServiceServicer,
    add_WebhookServiceServicer_to_server,
)

from edge.app import Dependencies, build_app
from edge.collector import Collector, Limits
from edge.process import Ingestion, drain, listen
from edge.settings import EdgeSettings
from services.kit.auth import Signer
from services.kit.errors import AppError, to_status
from services.kit.peers import CHANNEL_OPTIONS, Peers
from services.kit.probes import Probes

Judge = Callable[[ReceiveWebhooksRequest], Awaitable[list[WebhookAnswer]]]

_apps = count()


async def stored(request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
    """Every webhook is stored."""
    return [WebhookAnswer(http_status=200) for _ in request.webhooks]


class PlayedIngestion(WebhookServiceServicer):
    """Answers as it is told, and remembers what it was asked."""

    def __init__(self, socket: Path) -> None:
        self.target = f"unix:{socket}"
        self.judge: Judge = stored
        self.batches: list[ReceiveWebhooksRequest] = []
        self.handshakes: list[VerifySubscriptionRequest] = []
        self.challenge: str | AppError = ""
        self._server: grpc.aio.Server | None = None

    async def start(self) -> None:
        self._server = grpc.aio.server(options=CHANNEL_OPTIONS)
        add_WebhookServiceServicer_to_server(self, self._server)
        health_pb2_grpc.add_HealthServicer_to_server(health_aio.HealthServicer(), self._server)
        self._server.add_insecure_port(self.target)
        await self._server.start()

    async def stop(self) -> None:
        if self._server:
            await self._server.stop(0)

    async def ReceiveWebhooks(self, request: ReceiveWebhooksRequest, context: Any) -> Any:
        self.batches.append(request)
        try:
            return ReceiveWebhooksResponse(answers=await self.judge(request))
        except AppError as error:
            await context.abort_with_status(rpc_status.to_status(to_status(error, "r")))

    async def VerifySubscription(self, request: VerifySubscriptionRequest, context: Any) -> Any:
        self.handshakes.append(request)
        if isinstance(self.challenge, AppError):
            await context.abort_with_status(rpc_status.to_status(to_status(self.challenge, "r")))
        return VerifySubscriptionResponse(challenge=self.challenge)


class RunningEdge:
    """The edge, and an HTTP client that speaks with it."""

    def __init__(self, http: aiohttp.ClientSession, socket: Path, collector: Collector) -> None:
        self.http = http
        self.socket = socket
        self.collector = collector
        self.stop: Callable[[], Awaitable[None]]

    async def post(self, path: str, body: bytes, **headers: str) -> tuple[int, Any]:
        """Status and JSON of a POST; None for an empty body."""
        async with self.http.post(f"http://edge{path}", data=body, headers=headers) as answer:
            return answer.status, (await answer.json() if answer.content_length else None)

    async def get(self, path: str, **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        """The answer to a GET, and its text."""
        async with self.http.get(f"http://edge{path}", headers=headers) as answer:
            return answer, await answer.text(errors="replace")


@asynccontextmanager
async def running_edge(
    directory: Path, ingestion: PlayedIngestion, **limits: int
) -> AsyncIterator[RunningEdge]:
    """The edge in front of the played ingestion."""
    settings = EdgeSettings(
        listen=str(directory / "edge.sock"), store_seconds=2, openapi_dir=directory, **limits
    )
    key = base64.b64encode(os.urandom(32)).decode()
    peers = Peers({"ingestion": ingestion.target}, Signer("edge", key))
    behind = Ingestion(peers, settings.store_seconds)
    collector = Collector(
        behind.store,
        Limits(
            batch_webhooks=settings.batch_webhooks,
            batch_bytes=settings.batch_bytes,
            in_flight=settings.batches_in_flight,
            waiting_webhooks=settings.waiting_webhooks,
            waiting_bytes=settings.waiting_bytes,
        ),
    )
    probes = Probes({"ingestion": behind.check})
    app = build_app(
        settings,
        Dependencies(collector, behind.verify, probes.failing),
        name=f"edge-{next(_apps)}",
    )
    app.config.TOUCHUP = False  # It rewrites Sanic's own classes, which works once in a process.
    server = await listen(app, settings)
    connector = aiohttp.UnixConnector(str(directory / "edge.sock"), limit=0)
    async with aiohttp.ClientSession(connector=connector) as http:
        edge = RunningEdge(http, directory / "edge.sock", collector)
        edge.stop = lambda: drain(app, server, collector)
        try:
            yield edge
        finally:
            await edge.stop()
            await peers.close()


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that is about to happen."""
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.005)
