"""What webhooks react to."""

from malha.crm.v1.events_pb2 import TenantUpdated
from malha.ingestion.v1.commands_pb2 import ProcessWebhooks
from malha.processing.v1.commands_pb2 import ReceiveMessages
from malha.processing.v1.conversation_service_pb2 import FindStoredMessagesRequest
from malha.processing.v1.conversation_service_pb2_grpc import ConversationServiceStub

from services.ingestion.connections.directory import Connections
from services.ingestion.webhooks.commands import TIMER, process_webhooks
from services.ingestion.webhooks.handover import ARRIVED_AFTER, HANDOVER
from services.ingestion.webhooks.pressure import Backlog, Pressure
from services.kit.bus import system_call
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import background, on, on_timer
from services.kit.db import Database
from services.kit.errors import AppError
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.peers import Peers
from services.kit.ratelimit import RateLimiter
from services.kit.sql import load_sql
from services.kit.tenants import Tenants

log = get_logger(__name__)
sql = load_sql(__package__, "webhooks.sql")


@on_timer(TIMER)
async def resume_webhooks(
    call: Call,
    batch_id: str,
    *,
    connections: Connections,
    tenants: Tenants,
    limiter: RateLimiter,
    pressure: Pressure,
    clock: Clock,
) -> None:
    """Judge a batch whose command was lost, or is late."""
    if pressure.high:
        return  # It is late because there is much to do, and the timer comes back.
    await process_webhooks(
        call,
        ProcessWebhooks(batch_id=batch_id),
        connections=connections,
        tenants=tenants,
        limiter=limiter,
        pressure=pressure,
        clock=clock,
    )


@on_timer(HANDOVER)
async def check_arrival(call: Call, handover_id: str, *, clock: Clock) -> None:
    """Hand on again what has not arrived: storing the same message twice stores it once."""
    now = clock.now()
    async with call.transaction() as tx:
        row = await tx.maybe(sql.handover, handover_id)
        if row is None:
            tx.disarm(HANDOVER, handover_id)
            return
    messages = ReceiveMessages.FromString(row["command"]).messages
    request = FindStoredMessagesRequest(message_ids=[one.message.id for one in messages])
    found = await call.stub(ConversationServiceStub).FindStoredMessages(request)
    stored = frozenset(found.message_ids)
    missing = [one for one in messages if one.message.id not in stored]
    async with call.transaction() as tx:
        if missing:
            tx.send(ReceiveMessages(messages=missing))
            # As long again as it has waited already.
            tx.arm(HANDOVER, handover_id, now + max(ARRIVED_AFTER, now - row["create_time"]))
        else:
            await tx.run(sql.delete_handover, handover_id)
            tx.disarm(HANDOVER, handover_id)
    if missing:
        log.warning("messages handed on again", handover=handover_id, messages=len(missing))


@background
async def judge_backlog(
    *,
    database: Database,
    peers: Peers,
    backlog: Backlog,
    connections: Connections,
    tenants: Tenants,
    limiter: RateLimiter,
    pressure: Pressure,
    clock: Clock,
) -> None:
    """Judge what this process held back while webhooks came in fast."""
    backlog.open = True
    while True:
        tenant_id, batch_id = await backlog.next()
        call = system_call(
            database.schema,
            database,
            peers,
            tenant_id=tenant_id,
            workspace_id="",
            correlation_id=new_id(),
            cause=f"backlog:{batch_id}",
        )
        try:
            await process_webhooks(
                call,
                ProcessWebhooks(batch_id=batch_id),
                connections=connections,
                tenants=tenants,
                limiter=limiter,
                pressure=pressure,
                clock=clock,
            )
        except AppError as error:
            log.warning("batch left to its timer", batch=batch_id, reason=error.reason)


@on(TenantUpdated)
async def drop_tenant(call: Call, event: TenantUpdated, *, tenants: Tenants) -> None:
    """Judge by what the tenant is now, whoever missed the news."""
    await tenants.forget(event.tenant.id)
