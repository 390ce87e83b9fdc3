"""Somebody of a workspace who connects channels, on the real database."""

from __future__ import annotations

import base64
from typing import Any

from google.protobuf.json_format import ParseDict
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.connection_service_pb2 import (
    CreateConnectionRequest,
    DeleteConnectionRequest,
    GetConnectionRequest,
    ListConnectionsRequest,
    ListConnectionsResponse,
    UpdateConnectionRequest,
)
from pydantic import SecretStr

from services.ingestion.channels.base import HTTP
from services.ingestion.connections.commands import (
    create_connection,
    delete_connection,
    update_connection,
)
from services.ingestion.connections.directory import Connections
from services.ingestion.connections.model import WebhookURLs
from services.ingestion.connections.queries import get_connection, list_connections
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.errors import NotFound
from services.kit.ids import new_id
from services.kit.limits import UNLIMITED
from services.kit.testing import FakePeers, partner_call
from services.kit.validate import validate

URLS = WebhookURLs("https://malha.example/")
SEALER = Sealer([SecretStr(base64.b64encode(b"c" * 32).decode())])
SECRETS = ("app-secret-x1", "verify-token-x2", "access-token-x3")


class Office:
    """Somebody of a workspace who connects channels."""

    def __init__(self, database: Database, http: HTTP, connections: Connections) -> None:
        self.database = database
        self.http = http
        self.connections = connections
        self.clock = Clock()
        self.limits = UNLIMITED
        self.tenant_id, self.workspace_id = new_id(), new_id()
        self.peers = FakePeers({"AssistantService.GetAssistant": self._assistant})
        self.assistant_ids = {new_id()}

    def call(self, *, readonly: bool = False) -> Call:
        return partner_call(
            self.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            peers=self.peers,
            readonly=readonly,
            limits=self.limits,
        )

    def other(self) -> Office:
        return Office(self.database, self.http, self.connections)

    async def connect(self, number: str = "", **fields: Any) -> Connection:
        request = CreateConnectionRequest(channel="whatsapp", display_name="Loja")
        ParseDict({"config": config(number) | fields.pop("config", {})}, request)
        request.MergeFrom(CreateConnectionRequest(**fields))
        validate(request)
        return await create_connection(
            self.call(),
            request,
            sealer=SEALER,
            connections=self.connections,
            http=self.http,
            clock=self.clock,
            urls=URLS,
        )

    async def update(self, connection_id: str, **fields: Any) -> Connection:
        request = UpdateConnectionRequest(id=connection_id)
        if secrets := fields.pop("config", None):
            ParseDict({"config": secrets}, request)
        request.MergeFrom(UpdateConnectionRequest(**fields))
        validate(request)
        return await update_connection(
            self.call(),
            request,
            sealer=SEALER,
            connections=self.connections,
            clock=self.clock,
            urls=URLS,
        )

    async def disconnect(self, connection_id: str) -> None:
        await delete_connection(
            self.call(),
            DeleteConnectionRequest(id=connection_id),
            connections=self.connections,
            clock=self.clock,
            urls=URLS,
        )

    async def get(self, connection_id: str) -> Connection:
        request = GetConnectionRequest(id=connection_id)
        return await get_connection(self.call(readonly=True), request, urls=URLS)

    async def page(self, **fields: Any) -> ListConnectionsResponse:
        request = ListConnectionsRequest(**fields)
        validate(request)
        return await list_connections(self.call(readonly=True), request, urls=URLS)

    async def emitted(self, kind: str) -> list[bytes]:
        """What everyone else was told, of one kind, in order."""
        rows = await self.database.pool.fetch(
            "SELECT payload FROM ingestion.outbox WHERE subject = $1 ORDER BY id",
            f"evt.ingestion.{self.tenant_id}.{kind}",
        )
        return [row["payload"] for row in rows]

    async def _assistant(self, request: Any) -> Assistant:
        validate(request)
        if request.id not in self.assistant_ids:
            raise NotFound
        return Assistant(id=request.id)


def config(number: str = "") -> dict[str, Any]:
    return {
        "phone_number_id": number or str(int(new_id().replace("-", ""), 16))[-20:],
        "waba_id": "102290129340398",
        "app_secret": SECRETS[0],
        "verify_token": SECRETS[1],
        "access_token": SECRETS[2],
    }
