"""Connections of a tenant, signed webhooks, and the functions under test on the real stores."""

import base64
import hmac
from dataclasses import dataclass, field
from typing import Any, TypeVar

import orjson
import redis.asyncio as redis
from google.protobuf.message import Message
from malha.crm.v1.tenant_pb2 import Tenant, TenantStatus
from malha.ingestion.v1.commands_pb2 import ProcessWebhooks
from malha.ingestion.v1.webhook_service_pb2 import (
    InboundWebhook,
    ReceiveWebhooksRequest,
    WebhookAnswer,
)
from malha.processing.v1.commands_pb2 import InboundMessage, ReceiveMessages
from pydantic import SecretStr

from services.ingestion.connections.directory import Connections, seal_config
from services.ingestion.webhooks.commands import process_webhooks, receive_webhooks
from services.ingestion.webhooks.model import Floods
from services.ingestion.webhooks.pressure import Backlog, Pressure
from services.kit.cache import Cache
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.crypto import Sealer
from services.kit.db import Database, Record
from services.kit.ids import new_id
from services.kit.outbox import Stamp
from services.kit.ratelimit import RateLimiter
from services.kit.tenants import Tenants
from services.kit.testing import FakePeers, service_call

M = TypeVar("M", bound=Message)

SECRET = "s" * 32
SEALER = Sealer([SecretStr(base64.b64encode(b"k" * 32).decode())])


@dataclass
class Number:
    """A connected number."""

    id: str
    tenant_id: str
    workspace_id: str
    phone_number_id: str
    waba_id: str = "102290129340398"

    def webhook(self, *changes: dict[str, Any], **headers: str) -> InboundWebhook:
        """One POST with these changes, signed as Meta does."""
        body = orjson.dumps(
            {
                "object": "whatsapp_business_account",
                "entry": [{"id": self.waba_id, "changes": list(changes)}],
            }
        )
        return self.raw(body, **({"x-hub-signature-256": sign(body)} | headers))

    def raw(self, body: bytes, **headers: str) -> InboundWebhook:
        """One POST with this body."""
        webhook = InboundWebhook(
            request_id=new_id(),
            channel="whatsapp",
            connection_id=self.id,
            body=body,
            headers=headers,
        )
        webhook.receive_time.GetCurrentTime()
        return webhook

    def text(self, *ids: str, number: str = "", sender: str = "16505551234") -> dict[str, Any]:
        """A change with text messages for this number, or another one."""
        return self._change(
            number,
            contacts=[{"profile": {"name": "Ana"}, "wa_id": sender}],
            messages=[
                {
                    "from": sender,
                    "id": id,
                    "timestamp": "1749416383",
                    "type": "text",
                    "text": {"body": f"oi {id}"},
                }
                for id in ids
            ],
        )

    def status(self, id: str, status: str = "delivered", opaque: str = "") -> dict[str, Any]:
        """A change with a status of a send."""
        return self._change(
            "",
            statuses=[
                {
                    "id": id,
                    "status": status,
                    "timestamp": "1750263773",
                    "recipient_id": "16505551234",
                    "biz_opaque_callback_data": opaque,
                }
            ],
        )

    def _change(self, number: str, **value: Any) -> dict[str, Any]:
        metadata = {
            "display_phone_number": "15550783881",
            "phone_number_id": number or self.phone_number_id,
        }
        value = {"messaging_product": "whatsapp", "metadata": metadata, **value}
        return {"field": "messages", "value": value}


def sign(body: bytes, secret: str = SECRET) -> str:
    return "sha256=" + hmac.digest(secret.encode(), body, "sha256").hex()


@dataclass
class World:
    """What `receive_webhooks` and `process_webhooks` need, on the real stores."""

    database: Database
    valkey: redis.Redis
    clock: Clock = field(default_factory=Clock)
    tenants_by_id: dict[str, Tenant] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.connections = Connections(self.database, SEALER, self.clock)
        self.cache = Cache(self.valkey)
        self.tenants = Tenants(self.cache)
        self.limiter = RateLimiter(self.valkey)
        self.floods = Floods()
        self.pressure = Pressure()
        self.backlog = Backlog()

    async def connect(
        self,
        tenant_id: str,
        *,
        phone: str = "",
        active: bool = True,
        workspace_id: str = "",
        assistant_id: str | None = None,
    ) -> Number:
        """A number of a tenant, connected."""
        number = Number(
            new_id(), tenant_id, workspace_id or new_id(), phone or str(int(new_id()[-12:], 16))
        )
        config = {
            "phone_number_id": number.phone_number_id,
            "waba_id": number.waba_id,
            "app_secret": SECRET,
            "verify_token": "open-sesame",
            "access_token": "t",
        }
        async with self.call(tenant_id).transaction() as tx:
            await tx.run(
                "INSERT INTO ingestion.connection_routes VALUES ($1, $2, 'whatsapp', $3)",
                number.id,
                tenant_id,
                number.phone_number_id,
            )
            await tx.run(
                """INSERT INTO ingestion.connections
                     (id, workspace_id, channel, display_name, status, external_id, account_id,
                      assistant_id, config, create_time, update_time)
                   VALUES ($1, $2, 'whatsapp', 'w', $3::text::ingestion.connection_status, $4, $5,
                           $6, $7, now(), now())""",
                number.id,
                number.workspace_id,
                "active" if active else "paused",
                number.phone_number_id,
                number.waba_id,
                assistant_id,
                seal_config(SEALER, tenant_id, number.id, config),
            )
        self.tenants_by_id.setdefault(
            tenant_id,
            Tenant(
                id=tenant_id,
                status=TenantStatus.TENANT_STATUS_ACTIVE,
                webhooks_per_minute=1_000_000,
            ),
        )
        return number

    def peers(self, tenant_id: str) -> FakePeers:
        async def get_tenant(_request: Any) -> Tenant:
            return self.tenants_by_id[tenant_id]

        return FakePeers({"TenantService.GetTenant": get_tenant})

    def call(self, tenant_id: str = "") -> Call:
        return service_call(self.database, tenant_id=tenant_id, peers=self.peers(tenant_id))

    async def receive(self, *webhooks: InboundWebhook) -> list[WebhookAnswer]:
        """What each sender is answered."""
        reply = await receive_webhooks(
            self.call(),
            ReceiveWebhooksRequest(webhooks=webhooks),
            connections=self.connections,
            floods=self.floods,
            pressure=self.pressure,
            backlog=self.backlog,
            clock=self.clock,
        )
        return list(reply.answers)

    async def process(self, tenant_id: str, batch_id: str) -> None:
        """One run of the command."""
        await process_webhooks(
            self.call(tenant_id),
            ProcessWebhooks(batch_id=batch_id),
            connections=self.connections,
            tenants=self.tenants,
            limiter=self.limiter,
            pressure=self.pressure,
            clock=self.clock,
        )

    async def receive_and_process(self, *webhooks: InboundWebhook) -> list[int]:
        """HTTP statuses, once every verdict is made."""
        answers = await self.receive(*webhooks)
        for tenant_id in self.tenants_by_id:
            batches = await self.all(
                tenant_id,
                """SELECT DISTINCT batch_id FROM ingestion.webhook_events
                    WHERE status = 'queued'""",
            )
            for row in batches:
                await self.process(tenant_id, row["batch_id"])
        return [answer.http_status for answer in answers]

    async def ledger(self, tenant_id: str) -> list[Record]:
        """The tenant's ledger, oldest first."""
        return await self.all(
            tenant_id,
            """SELECT *, status::text AS verdict FROM ingestion.webhook_events
                ORDER BY id""",
        )

    async def verdicts(self, tenant_id: str) -> list[tuple[str, str]]:
        """Verdict and reason of each event, oldest first."""
        return [(row["verdict"], row["reason"]) for row in await self.ledger(tenant_id)]

    async def all(self, tenant_id: str, query: str, *args: Any) -> list[Record]:
        async with self.database.transaction(Stamp(tenant_id, "", "", "")) as tx:
            return await tx.all(query, *args)

    async def sent(self, tenant_id: str, kind: type[M]) -> list[M]:
        """What was put in the outbox for a tenant, of one kind, in order."""
        rows = await self.all(
            tenant_id,
            """SELECT payload FROM ingestion.outbox
                WHERE headers::json ->> 'tenant' = $1 AND headers::json ->> 'type' = $2
                ORDER BY id""",
            tenant_id,
            kind.DESCRIPTOR.full_name,
        )
        return [kind.FromString(row["payload"]) for row in rows]

    async def messages(self, tenant_id: str) -> list[InboundMessage]:
        """What processing was given, in order."""
        commands = await self.sent(tenant_id, ReceiveMessages)
        return [message for command in commands for message in command.messages]

    async def timers(self, tenant_id: str) -> int:
        """Batches that would be resumed."""
        rows = await self.all(
            tenant_id,
            "SELECT 1 FROM ingestion.timers WHERE tenant_id = $1 AND kind = 'process_webhooks'",
            tenant_id,
        )
        return len(rows)
