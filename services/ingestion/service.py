"""ingestion's table of contents."""

from __future__ import annotations

import aiohttp
from dishka import Provider, Scope, provide
from malha.ingestion.v1.commands_pb2 import DeliverMessage, ProcessWebhooks
from malha.processing.v1.commands_pb2 import ReceiveMessages

from services.ingestion import connections, deliveries, webhooks
from services.ingestion.channels.base import HTTP
from services.ingestion.connections.directory import Connections
from services.ingestion.connections.model import WebhookURLs
from services.ingestion.settings import IngestionSettings
from services.ingestion.webhooks.model import Floods
from services.ingestion.webhooks.pressure import Backlog, Pressure
from services.kit.service import Service
from services.kit.settings import KitSettings


class IngestionProvider(Provider):
    """What ingestion's functions ask for beyond the kit."""

    scope = Scope.APP
    connections = provide(Connections)
    floods = provide(Floods)
    backlog = provide(Backlog)

    @provide
    def pressure(self) -> Pressure:
        return Pressure()

    @provide
    def http(self, session: aiohttp.ClientSession, settings: IngestionSettings) -> HTTP:
        return HTTP(session, settings.graph_url)

    @provide
    def urls(self, settings: KitSettings) -> WebhookURLs:
        return WebhookURLs(settings.public_url)


SERVICE = Service(
    "ingestion",
    IngestionSettings,
    [IngestionProvider()],
    [connections.CONTEXT, webhooks.CONTEXT, deliveries.CONTEXT],
    sends=(ProcessWebhooks, DeliverMessage, ReceiveMessages),
)
