"""A provider that does as told, a fence, and the functions under test on the real database."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, Tenant, TenantStatus
from malha.crm.v1.tenant_service_pb2 import GetTenantRequest
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.connection_service_pb2 import DeleteConnectionRequest
from malha.ingestion.v1.delivery_service_pb2 import (
    Delivery,
    DeliveryStatus,
    ListDeliveriesRequest,
)
from malha.ingestion.v1.events_pb2 import ConnectionDeleted, DeliveriesUpdated
from malha.message.v1 import message_pb2 as m
from malha.processing.v1.turn_service_pb2 import ClaimReplyRequest, ClaimReplyResponse
from pydantic import SecretStr

from services.ingestion.channels.base import HTTP, ExternalId, Progress, StatusUpdate
from services.ingestion.connections.commands import delete_connection
from services.ingestion.connections.directory import Connections, seal_config
from services.ingestion.connections.model import WebhookURLs
from services.ingestion.deliveries.commands import deliver_message
from services.ingestion.deliveries.events import fail_waiting_deliveries, resume_delivery
from services.ingestion.deliveries.queries import list_deliveries
from services.ingestion.deliveries.statuses import apply_statuses
from services.ingestion.settings import IngestionSettings
from services.kit.cache import Cache
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.tenants import Tenants
from services.kit.testing import FakePeers, service_call

SEALER = Sealer([SecretStr(base64.b64encode(b"d" * 32).decode())])


class SetClock(Clock):
    """Time as the test says."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC)

    def now(self) -> datetime:
        return self.time

    def pass_by(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@dataclass
class Provider:
    """The Graph API as told: each send takes the next behaviour, or is accepted."""

    behaves: list[str | tuple[int, dict[str, Any]]] = field(default_factory=list)
    accepted: list[dict[str, Any]] = field(default_factory=list)
    requests: int = 0
    under_way: int = 0
    most_under_way: int = 0
    hold: asyncio.Event | None = None
    """While set and clear, sends wait for their answer."""

    async def serve(self, request: web.Request) -> web.Response:
        self.requests += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        try:
            return await self._answer(request)
        finally:
            self.under_way -= 1

    async def _answer(self, request: web.Request) -> web.Response:
        body = json.loads(await request.read())
        behaviour = self.behaves.pop(0) if self.behaves else "accept"
        if isinstance(behaviour, tuple):
            status, answer = behaviour
            return web.json_response(answer, status=status)
        if behaviour in ("accept", "accept_and_hang_up"):
            self.accepted.append(body)
        if self.hold is not None:
            await self.hold.wait()
        await asyncio.sleep(0.002)
        if behaviour != "accept":
            assert request.transport is not None
            request.transport.abort()
        return web.json_response({"messages": [{"id": self.id_of(len(self.accepted))}]})

    def id_of(self, number: int) -> str:
        """The id of the nth accepted message."""
        return f"wamid.{id(self)}.{number}"

    @property
    def texts(self) -> list[str]:
        return [body["text"]["body"] for body in self.accepted]


def refuses(code: int, status: int = 400) -> tuple[int, dict[str, Any]]:
    return status, {"error": {"code": code, "message": "no"}}


class World:
    """One tenant with one connected number."""

    def __init__(
        self, database: Database, cache: Cache, session: aiohttp.ClientSession, url: str
    ) -> None:
        self.database = database
        self.cache = cache
        self.http = HTTP(session, url)
        self.clock = SetClock()
        self.provider = Provider()
        self.connections = Connections(database, SEALER, self.clock)
        self.settings = IngestionSettings(send_timeout=timedelta(seconds=2), send_attempts=4)
        self.tenant_id, self.workspace_id, self.connection_id = new_id(), new_id(), new_id()
        self.fence = ClaimReplyResponse(granted=True)
        self.claims: list[ClaimReplyRequest] = []
        self.tenants = Tenants(cache)
        self.tenant_status: TenantStatus = TENANT_STATUS_ACTIVE
        self.peers = FakePeers(
            {"TurnService.ClaimReply": self._claim, "TenantService.GetTenant": self._tenant}
        )

    async def _tenant(self, _: GetTenantRequest) -> Tenant:
        return Tenant(id=self.tenant_id, status=self.tenant_status)

    async def _claim(self, request: ClaimReplyRequest) -> ClaimReplyResponse:
        self.claims.append(request)
        return self.fence

    def call(self, correlation_id: str = "", *, readonly: bool = False) -> Call:
        return service_call(
            self.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            peers=self.peers,
            correlation_id=correlation_id or None,
            readonly=readonly,
        )

    async def connect(self) -> None:
        config = {
            "phone_number_id": str(int(new_id().replace("-", ""), 16))[-20:],
            "waba_id": "1",
            "app_secret": "s",
            "verify_token": "v",
            "access_token": "a",
        }
        async with self.call().transaction() as tx:
            await tx.run(
                "INSERT INTO ingestion.connection_routes VALUES ($1, $2, 'whatsapp', $3)",
                self.connection_id,
                self.tenant_id,
                config["phone_number_id"],
            )
            await tx.run(
                "INSERT INTO ingestion.connections (id, workspace_id, channel, display_name,"
                " external_id, account_id, config, create_time, update_time)"
                " VALUES ($1, $2, 'whatsapp', 'Loja', $3, '1', $4, now(), now())",
                self.connection_id,
                self.workspace_id,
                config["phone_number_id"],
                seal_config(SEALER, self.tenant_id, self.connection_id, config),
            )

    async def serve(self, status: TenantStatus) -> None:
        """Serve the tenant or not, and let every process hear of it."""
        self.tenant_status = status
        await self.tenants.forget(self.tenant_id)

    async def pause(self) -> None:
        async with self.call().transaction() as tx:
            await tx.run("UPDATE ingestion.connections SET status = 'paused'")
        self.connections = Connections(self.database, SEALER, self.clock)

    async def disconnect(self) -> None:
        """Delete the connection, and let deliveries hear of it."""
        await delete_connection(
            self.call(),
            DeleteConnectionRequest(id=self.connection_id),
            connections=self.connections,
            clock=self.clock,
            urls=WebhookURLs("https://malha.example"),
        )
        (row,) = await self.database.pool.fetch(
            "SELECT payload FROM ingestion.outbox WHERE subject = $1",
            f"evt.ingestion.{self.tenant_id}.connection_deleted",
        )
        await fail_waiting_deliveries(
            self.call(), ConnectionDeleted.FromString(row["payload"]), clock=self.clock
        )

    def message(
        self, text: str = "olá", *, conversation_id: str = "", turn_id: str = ""
    ) -> DeliverMessage:
        message = m.Message(
            id=new_id(),
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            channel_id=self.connection_id,
            channel="whatsapp",
            conversation_id=conversation_id or new_id(),
            sender=m.Party(id="assistant", kind="assistant"),
            recipient=m.Party(id="5511987654321", kind="wa_id"),
            type=m.MESSAGE_TYPE_TEXT,
            content=m.Content(text=m.Text(text=text)),
        )
        message.timestamp.FromDatetime(self.clock.now())
        return DeliverMessage(message=message, turn_id=turn_id)

    async def deliver(self, command: DeliverMessage, call: Call | None = None) -> None:
        await deliver_message(
            call or self.call(),
            command,
            connections=self.connections,
            tenants=self.tenants,
            http=self.http,
            clock=self.clock,
            settings=self.settings,
        )

    async def run_bus(self) -> int:
        """Deliver what was asked for over the bus, until nothing is left; how many commands."""
        count = 0
        while rows := await self.database.pool.fetch(
            "DELETE FROM ingestion.outbox WHERE subject LIKE $1 RETURNING id, payload, headers",
            f"cmd.ingestion.{self.tenant_id}.%.deliver_message",
        ):
            for row in sorted(rows, key=lambda row: row["id"]):
                headers = json.loads(row["headers"])
                command = DeliverMessage.FromString(row["payload"])
                await self.deliver(command, self.call(headers["correlation-id"]))
                count += 1
        return count

    async def lose_bus(self) -> None:
        """The bus forgets what it was given."""
        await self.database.pool.execute(
            "DELETE FROM ingestion.outbox WHERE subject LIKE $1",
            f"cmd.ingestion.{self.tenant_id}.%",
        )

    async def run_timers(self) -> list[str]:
        """Fire every timer that is due; which messages they were for."""
        rows = await self.database.pool.fetch(
            "SELECT id FROM ingestion.timers WHERE tenant_id = $1 AND due_time <= $2 ORDER BY id",
            self.tenant_id,
            self.clock.now(),
        )
        for row in rows:
            await resume_delivery(self.call(), row["id"], clock=self.clock, settings=self.settings)
        return [row["id"] for row in rows]

    async def armed(self) -> list[str]:
        rows = await self.database.pool.fetch(
            "SELECT id FROM ingestion.timers WHERE tenant_id = $1", self.tenant_id
        )
        return [row["id"] for row in rows]

    async def report(self, *updates: StatusUpdate) -> list[str]:
        async with self.call().transaction() as tx:
            return await apply_statuses(tx, updates, received=self.clock.now())

    def update(
        self, external_id: str, progress: Progress, *, opaque: str = "", seconds: int = 0
    ) -> StatusUpdate:
        reason = "131026" if progress is Progress.FAILED else ""
        time = self.clock.now().replace(microsecond=0) + timedelta(seconds=seconds)
        return StatusUpdate(ExternalId(external_id), progress, time, reason, opaque)

    async def rows(self) -> list[Any]:
        """Every send of the tenant."""
        async with self.call().transaction() as tx:
            return await tx.all(
                "SELECT *, status::text AS state FROM ingestion.deliveries"
                " ORDER BY message_id, part"
            )

    async def state(self, command: DeliverMessage) -> str:
        return " ".join(
            row["state"] for row in await self.rows() if row["message_id"] == command.message.id
        )

    async def listed(self, correlation_id: str) -> list[Delivery]:
        request = ListDeliveriesRequest(correlation_id=correlation_id)
        answer = await list_deliveries(self.call(readonly=True), request)
        return list(answer.deliveries)

    async def told(self, command: DeliverMessage) -> list[str]:
        """What everyone else was told about a message, in order."""
        rows = await self.database.pool.fetch(
            "SELECT payload FROM ingestion.outbox WHERE subject = $1 ORDER BY id",
            f"evt.ingestion.{self.tenant_id}.deliveries_updated",
        )
        return [
            DeliveryStatus.Name(update.status).removeprefix("DELIVERY_STATUS_").lower()
            for row in rows
            for update in DeliveriesUpdated.FromString(row["payload"]).updates
            if update.message_id == command.message.id
        ]
