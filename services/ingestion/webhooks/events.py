"""What webhooks react to."""

from malha.crm.v1.events_pb2 import TenantUpdated
from malha.ingestion.v1.commands_pb2 import ProcessWebhooks

from services.ingestion.connections.directory import Connections
from services.ingestion.webhooks.commands import TIMER, process_webhooks
from services.ingestion.webhooks.pressure import Backlog, Pressure
from services.ingestion.webhooks.tenants import Tenants
from services.kit.bus import system_call
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import background, hear, on, on_timer
from services.kit.db import Database
from services.kit.errors import AppError
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.peers import Peers
from services.kit.ratelimit import RateLimiter

log = get_logger(__name__)


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


@hear(TenantUpdated)
async def notice_tenant(call: Call, event: TenantUpdated, *, tenants: Tenants) -> None:
    """Judge by what the tenant is now, at once."""
    await tenants.forget(event.tenant.id)


@on(TenantUpdated)
async def drop_tenant(call: Call, event: TenantUpdated, *, tenants: Tenants) -> None:
    """Judge by what the tenant is now, whoever missed the news."""
    await tenants.forget(event.tenant.id)
