"""What hands buffers on: Valkey's timers within milliseconds, the durable ones without Valkey."""

import asyncio

import structlog
from redis.exceptions import RedisError

from services.kit.bus import system_call
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import background, on_timer
from services.kit.db import Database
from services.kit.errors import AppError
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.peers import Peers
from services.kit.tenants import Tenants
from services.processing.assistants import Assistants
from services.processing.buffering.flush import attend
from services.processing.buffering.model import Act
from services.processing.settings import ProcessingSettings
from services.processing.telemetry import buffers_recovered
from services.processing.timers import WATCH, BufferTimers, Place

log = get_logger(__name__)

_VALKEY_RETRY_SECONDS = 1.0


@on_timer(WATCH)
async def watch_conversation(
    call: Call,
    conversation_id: str,
    *,
    timers: BufferTimers,
    assistants: Assistants,
    tenants: Tenants,
    clock: Clock,
    settings: ProcessingSettings,
) -> None:
    """Look after a conversation in which something waits or is open."""
    attended = await attend(call, conversation_id, clock.now(), assistants, tenants, settings)
    if attended.act in (Act.OPEN, Act.SUPERSEDE):
        buffers_recovered.inc()
        place = Place(call.tenant_id, call.workspace_id, conversation_id)
        await timers.settle(place, attended.message_ids, None)


@background
async def poll_buffers(
    *,
    timers: BufferTimers,
    database: Database,
    peers: Peers,
    assistants: Assistants,
    tenants: Tenants,
    clock: Clock,
    settings: ProcessingSettings,
) -> None:
    """Hand buffers on as they come due."""
    running: set[asyncio.Task[None]] = set()

    async def hand_on(place: Place) -> None:
        call = system_call(
            "processing",
            database,
            peers,
            tenant_id=place.tenant_id,
            workspace_id=place.workspace_id,
            correlation_id=new_id(),
            cause="buffer",
        )
        with structlog.contextvars.bound_contextvars(tenant=place.tenant_id):
            try:
                attended = await attend(
                    call, place.conversation_id, clock.now(), assistants, tenants, settings
                )
            except AppError as error:
                # The lease ends, and the buffer is claimed again.
                log.info("buffer retried", reason=error.reason)
            except Exception:
                log.exception("buffer failed", conversation=place.conversation_id)
            else:
                await timers.settle(place, attended.message_ids, attended.due)

    pause = settings.poll_interval.total_seconds()
    try:
        while True:
            room = settings.flush_concurrency - len(running)
            if room:
                try:
                    places = await timers.claim(clock.now(), settings.flush_lease, room)
                except (RedisError, OSError) as error:
                    log.warning("buffer timers not reached", error=type(error).__name__)
                    await asyncio.sleep(_VALKEY_RETRY_SECONDS)
                    continue
                for place in places:
                    task = asyncio.create_task(hand_on(place))
                    running.add(task)
                    task.add_done_callback(running.discard)
            if running:
                # A full round goes on as soon as there is room.
                await asyncio.wait(running, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
            else:
                await asyncio.sleep(pause)
    finally:
        for task in running:
            task.cancel()
