"""What webhooks react to."""

from malha.crm.v1.events_pb2 import TenantUpdated
from malha.ingestion.v1.commands_pb2 import ProcessWebhooks

from services.ingestion.connections.directory import Connections
from services.ingestion.webhooks.commands import TIMER, process_webhooks
from services.ingestion.webhooks.pressure import Pressure
from services.ingestion.webhooks.tenants import Tenants
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import hear, on, on_timer
from services.kit.ratelimit import RateLimiter


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
    await process_webhooks(
        call,
        ProcessWebhooks(batch_id=batch_id),
        connections=connections,
        tenants=tenants,
        limiter=limiter,
        pressure=pressure,
        clock=clock,
    )


@hear(TenantUpdated)
async def notice_tenant(call: Call, event: TenantUpdated, *, tenants: Tenants) -> None:
    """Judge by what the tenant is now, at once."""
    await tenants.forget(event.tenant.id)


@on(TenantUpdated)
async def drop_tenant(call: Call, event: TenantUpdated, *, tenants: Tenants) -> None:
    """Judge by what the tenant is now, whoever missed the news."""
    await tenants.forget(event.tenant.id)
