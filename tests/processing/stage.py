"""Plays everybody around the conversation service: customers, the bus, ingestion, a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from google.protobuf.message import Message as AnyMessage
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE, Tenant, TenantStatus
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.ingestion.v1.connection_pb2 import Connection
from malha.ingestion.v1.delivery_service_pb2 import DeliveryStatus
from malha.ingestion.v1.events_pb2 import DeliveriesUpdated, DeliveryUpdate
from malha.knowledge.v1.search_service_pb2 import (
    Passage,
    QueryResult,
    SearchPassagesRequest,
    SearchPassagesResponse,
)
from malha.message.v1.message_pb2 import (
    MESSAGE_TYPE_TEXT,
    Content,
    Context,
    Message,
    Party,
    Text,
)
from malha.processing.v1.commands_pb2 import GenerateReply, InboundMessage, ReceiveMessages
from malha.processing.v1.conversation_pb2 import Conversation
from malha.processing.v1.conversation_service_pb2 import UpdateConversationRequest
from malha.processing.v1.turn_service_pb2 import ClaimReplyRequest, ClaimReplyResponse

from services.kit.ai import LLM
from services.kit.ai.fake import Fake
from services.kit.cache import Cache
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import NotFound
from services.kit.ids import new_id
from services.kit.limits import UNLIMITED, Limits
from services.kit.outbox import subject
from services.kit.ratelimit import RateLimiter
from services.kit.tenants import Tenants
from services.kit.testing import FakePeers, partner_call, service_call, user_call
from services.processing.assistants import Assistants
from services.processing.buffering.flush import Attended, attend
from services.processing.conversations.commands import receive_messages, update_conversation
from services.processing.settings import ProcessingSettings
from services.processing.timers import BufferTimers
from services.processing.turns.commands import claim_reply, generate_reply
from services.processing.turns.events import apply_deliveries
from services.processing.turns.models import Models

M = TypeVar("M", bound=AnyMessage)

START = datetime(2026, 8, 3, 12, 0, tzinfo=UTC)
SENT = DeliveryStatus.DELIVERY_STATUS_SENT
FAILED = DeliveryStatus.DELIVERY_STATUS_FAILED


class StillClock(Clock):
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> datetime:
        return self.time

    def pass_(self, **time: float) -> None:
        self.time += timedelta(**time)


class OneModel(Models):
    """The same model for every assistant."""

    def __init__(self, llm: LLM) -> None:
        self.llm = llm

    def of(self, names: Sequence[str]) -> LLM:
        return self.llm


@dataclass
class Stage:
    """Everything a test of this service says and sees."""

    database: Database
    cache: Cache
    timers: BufferTimers
    limiter: RateLimiter
    tenant_id: str
    workspace_id: str
    clock: StillClock = field(default_factory=StillClock)
    settings: ProcessingSettings = field(default_factory=ProcessingSettings)
    connection_id: str = field(default_factory=new_id)
    llm: Fake = field(default_factory=Fake)

    def __post_init__(self) -> None:
        self.assistant = Assistant(
            id=new_id(), name="Ana", instructions="Seja gentil.", language="pt-BR", version=1
        )
        self.connected_to = self.assistant.id
        self.assistant.quiet_time.FromTimedelta(timedelta(seconds=3))
        self.assistant.max_wait.FromTimedelta(timedelta(seconds=12))
        self.peers = FakePeers(
            {
                "AssistantService.GetAssistant": self._assistant,
                "ConnectionService.GetConnection": self._connection,
                "SearchService.SearchPassages": self._search,
                "TenantService.GetTenant": self._tenant,
            }
        )
        self.assistants = Assistants(self.cache, self.settings)
        self.tenants = Tenants(self.cache)
        self.tenant_status = TENANT_STATUS_ACTIVE
        self.passages = [
            Passage(id=new_id(), title="Trocas", text="Em até 30 dias.", score=0.8),
        ]

    def call(self, **more: Any) -> Call:
        """A call from the bus."""
        return service_call(
            self.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            peers=self.peers,
            **more,
        )

    def partner(self, workspace_id: str | None = None, limits: Limits = UNLIMITED) -> Call:
        """A call by API key."""
        return partner_call(
            self.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id if workspace_id is None else workspace_id,
            peers=self.peers,
            limits=limits,
        )

    def person(self) -> Call:
        """A call of somebody who is signed in."""
        return user_call(
            self.database,
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            user_id=new_id(),
            peers=self.peers,
        )

    def text(self, words: str = "oi", sender: str = "5511987654321", **more: Any) -> InboundMessage:
        """A customer's text."""
        return self.inbound(
            Content(text=Text(text=words)),
            MESSAGE_TYPE_TEXT,
            Party(id=sender, kind="wa_id"),
            **more,
        )

    def inbound(
        self,
        content: Content,
        type: Any,
        sender: Party,
        *,
        external_id: str | None = None,
        written: datetime | None = None,
        assistant_id: str | None = None,
        echo: bool = False,
    ) -> InboundMessage:
        """Any message as ingestion hands it over."""
        business = Party(id="551140028922", kind="phone_number_id")
        message = Message(
            id=new_id(),
            tenant_id=self.tenant_id,
            workspace_id=self.workspace_id,
            channel_id=self.connection_id,
            channel="whatsapp",
            sender=business if echo else sender,
            recipient=sender if echo else business,
            type=type,
            content=content,
            timestamp=written or self.clock.now(),
            context=Context(
                assistant_id=self.connected_to if assistant_id is None else assistant_id
            ),
            external_id=new_id() if external_id is None else external_id,
        )
        return InboundMessage(message=message, correlation_id=new_id(), echo=echo)

    async def receive(self, *messages: InboundMessage) -> None:
        """Messages come in by the bus."""
        await receive_messages(
            self.call(),
            ReceiveMessages(messages=messages),
            assistants=self.assistants,
            timers=self.timers,
            clock=self.clock,
            settings=self.settings,
        )

    async def say(self, words: str = "oi", **more: Any) -> InboundMessage:
        """A customer writes."""
        message = self.text(words, **more)
        await self.receive(message)
        return message

    async def attend(self, conversation_id: str | None = None) -> Attended:
        """A timer fires for a conversation."""
        return await attend(
            self.call(),
            conversation_id or (await self.conversation())["id"],
            self.clock.now(),
            self.assistants,
            self.tenants,
            self.settings,
        )

    async def flush(self) -> GenerateReply:
        """The quiet time passes; the command that follows."""
        self.clock.pass_(seconds=3)
        await self.attend()
        return (await self.sent(GenerateReply))[-1]

    async def generate(self, command: GenerateReply, llm: LLM | None = None) -> None:
        """The bus delivers GenerateReply."""
        await generate_reply(
            self.call(),
            command,
            assistants=self.assistants,
            tenants=self.tenants,
            models=OneModel(llm or self.llm),
            clock=self.clock,
            settings=self.settings,
        )

    async def reply(self) -> DeliverMessage:
        """A buffer is handed on and answered; the delivery that follows."""
        await self.generate(await self.flush())
        return (await self.sent(DeliverMessage))[-1]

    async def claim(self, delivery: DeliverMessage) -> ClaimReplyResponse:
        """Ingestion asks whether a reply may leave."""
        return await claim_reply(
            self.call(),
            ClaimReplyRequest(turn_id=delivery.turn_id, message_id=delivery.message.id),
            timers=self.timers,
            tenants=self.tenants,
            clock=self.clock,
            settings=self.settings,
        )

    async def become(self, status: TenantStatus) -> None:
        """Operators suspend the tenant or serve it again, and this process hears of it."""
        self.tenant_status = status
        await self.tenants.forget(self.tenant_id)

    async def deliver(
        self, *news: tuple[str, int], reason: str = "", external_id: str = ""
    ) -> None:
        """Ingestion tells what became of messages."""
        updates = [
            DeliveryUpdate(
                message_id=id,
                status=status,  # type: ignore[arg-type]
                reason=reason,
                external_id=external_id,
                update_time=self.clock.now(),
            )
            for id, status in news
        ]
        await apply_deliveries(
            self.call(),
            DeliveriesUpdated(updates=updates),
            timers=self.timers,
            clock=self.clock,
            settings=self.settings,
        )

    async def update(
        self, *, handler: Any = None, status: Any = None, etag: str = "", call: Call | None = None
    ) -> Conversation:
        """Somebody changes the one conversation."""
        return await update_conversation(
            call or self.partner(),
            UpdateConversationRequest(
                id=(await self.conversation())["id"], handler=handler, status=status, etag=etag
            ),
            timers=self.timers,
            clock=self.clock,
            settings=self.settings,
        )

    async def rows(self, query: str, *args: Any) -> list[Any]:
        """What the tenant's tables hold."""
        async with self.call().transaction() as tx:
            return await tx.all(query, *args)

    async def conversation(self) -> Any:
        """The one conversation."""
        (row,) = await self.rows("SELECT * FROM processing.conversations")
        return row

    async def messages(self, where: str = "true") -> list[Any]:
        """Messages, oldest first."""
        return await self.rows(f"SELECT * FROM processing.messages WHERE {where} ORDER BY id")

    async def turns(self) -> list[Any]:
        """Turns, oldest first."""
        return await self.rows("SELECT * FROM processing.turns ORDER BY id")

    async def sent(self, kind: type[M]) -> list[M]:
        """Commands of a kind in the outbox, oldest first."""
        descriptor: Any = kind.DESCRIPTOR
        return await self._outbox(kind, subject(descriptor, self.tenant_id, "%"))

    async def emitted(self, kind: type[M]) -> list[M]:
        """Events of a kind in the outbox, oldest first."""
        descriptor: Any = kind.DESCRIPTOR
        return await self._outbox(kind, subject(descriptor, self.tenant_id))

    async def timer(self) -> datetime | None:
        """When the conversation's durable timer is due."""
        rows = await self.rows(
            "SELECT due_time FROM processing.timers WHERE tenant_id = current_tenant() "
            "AND kind = 'conversation'"
        )
        return rows[0]["due_time"] if rows else None

    async def forget(self) -> None:
        """Leave nothing for the relay and the timers of other tests."""
        for table in ("outbox", "timers"):
            where = "subject LIKE '%' || $1 || '%'" if table == "outbox" else "tenant_id = $1::uuid"
            await self.database.pool.execute(
                f"DELETE FROM processing.{table} WHERE {where}", self.tenant_id
            )

    async def _outbox(self, kind: type[M], pattern: str) -> list[M]:
        rows = await self.database.pool.fetch(
            "SELECT payload FROM processing.outbox WHERE subject LIKE $1 ORDER BY id",
            pattern.replace("_", r"\_"),
        )
        return [kind.FromString(row["payload"]) for row in rows]

    async def _assistant(self, request: Any) -> Assistant:
        if request.id != self.assistant.id:
            raise NotFound
        return self.assistant

    async def _connection(self, request: Any) -> Connection:
        if request.id != self.connection_id:
            raise NotFound
        return Connection(id=request.id, assistant_id=self.connected_to)

    async def _tenant(self, request: Any) -> Tenant:
        return Tenant(id=self.tenant_id, status=self.tenant_status)

    async def _search(self, request: SearchPassagesRequest) -> SearchPassagesResponse:
        results = [QueryResult(query=query, passages=self.passages) for query in request.queries]
        return SearchPassagesResponse(results=results, min_score=0.23)
