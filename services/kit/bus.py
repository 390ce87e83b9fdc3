"""NATS JetStream: commands and events to functions, through one pipeline.

A message is acknowledged after its function has committed. What fails is tried again with growing,
jittered delays; what fails for good is parked among the dead letters with its reason, where an
operator can send it again. Delivery is at least once: functions are idempotent in their own
transaction.
"""

from __future__ import annotations

import asyncio
import random
import re
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import nats
from google.protobuf.message import DecodeError, Message
from malha.bus.v1 import options_pb2
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription as Inbox

from services.kit.auth import SERVICE, Actor
from services.kit.call import Call
from services.kit.context import Function
from services.kit.db import Database
from services.kit.errors import AppError, Unavailable
from services.kit.log import get_logger, in_call
from services.kit.outbox import address, kind_of, snake_case, subject
from services.kit.peers import Peers
from services.kit.telemetry import bus_lag_seconds, bus_seconds, dead_letters
from services.kit.validate import validate

log = get_logger(__name__)

_COMMAND: Any = options_pb2.command  # The stubs know extensions only as fields.

Settle = Literal["ack", "retry", "dead"]

ACK_WAIT_SECONDS = 10.0
_PROGRESS_SECONDS = 4.0
_PULL_SECONDS = 20.0
_HEARTBEAT_SECONDS = 5.0
_RETRY_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
_DEFAULT_CONCURRENCY = 16
_DEFAULT_MAX_DELIVER = 5
# A dependency that is down is no fault of the message: it is tried for much longer.
_MAX_DELIVER_UNAVAILABLE = 200
_HANDLER_SECONDS = 120.0


_CONNECT_SECONDS = 15.0
_REFUSED_SECONDS = 0.5


class BusUnavailable(Unavailable):
    """NATS does not answer."""


class WrongTenant(AppError):
    """The message's subject and its header name different tenants."""


class Undecodable(AppError):
    """The message is no {type}."""


@dataclass(frozen=True)
class Subscription:
    """One function and the messages it is for; durable, shared by all replicas of a service."""

    service: str
    message: type[Message]
    function: Function

    @property
    def stream(self) -> str:
        return "EVT" if kind_of(self.message.DESCRIPTOR) == "event" else "CMD"

    @property
    def durable(self) -> str:
        """<service>-<function>, with the event's owner, since several may share a name."""
        name = f"{self.service}-{self.function.__name__}"
        return f"{name}-{address(self.message.DESCRIPTOR)[0]}" if self.stream == "EVT" else name

    @property
    def filter(self) -> str:
        return subject(self.message.DESCRIPTOR, "*", "*")

    @property
    def options(self) -> options_pb2.CommandOptions:
        options: options_pb2.CommandOptions = self.message.DESCRIPTOR.GetOptions().Extensions[
            _COMMAND
        ]
        return options

    @property
    def concurrency(self) -> int:
        return self.options.concurrency or _DEFAULT_CONCURRENCY

    @property
    def max_deliver(self) -> int:
        return self.options.max_deliver or _DEFAULT_MAX_DELIVER


async def connect(url: str, *, service: str, seed: str | None) -> Client:
    """A connection that, once there, never gives up. Raises BusUnavailable.

    A forbidden subject shows only in its log.
    """
    said = ""

    async def on_error(error: Exception) -> None:
        nonlocal said
        # While the server is away the same error comes five times a second.
        if str(error) != said:
            said = str(error)
            log.warning("nats error", error=said)

    async def on_reconnect() -> None:
        nonlocal said
        said = ""
        log.info("nats reconnected")

    try:
        async with asyncio.timeout(_CONNECT_SECONDS):
            return await nats.connect(
                url,
                name=f"malha-{service}",
                nkeys_seed_str=seed,
                inbox_prefix=f"_INBOX_{service}".encode(),
                error_cb=on_error,
                reconnected_cb=on_reconnect,
                max_reconnect_attempts=-1,
                reconnect_time_wait=0.2,
                ping_interval=10,
                max_outstanding_pings=2,
                pending_size=32 << 20,
            )
    except (TimeoutError, nats.errors.Error, OSError) as error:
        raise BusUnavailable from error


class Consumer:
    """Pulls a subscription's messages and settles each after its function has run."""

    def __init__(
        self,
        subscription: Subscription,
        arguments: Mapping[str, object],
        *,
        client: Client,
        database: Database | None,
        peers: Peers,
    ) -> None:
        self.subscription = subscription
        self._function = subscription.function
        self._arguments = arguments
        self._client = client
        self._database = database
        self._peers = peers
        self._asked = 0
        self._running: set[asyncio.Task[None]] = set()
        self._room = asyncio.Event()
        self._heard = time.monotonic()
        self._stopping = False
        self._refused = False
        self._inbox: Inbox | None = None

    async def run(self) -> None:
        """Pull until cancelled or stopped."""
        inbox = self._client.new_inbox()
        if self._inbox is not None:
            await self._inbox.unsubscribe()  # Started again after a failure.
        self._inbox = await self._client.subscribe(inbox, cb=self._receive)
        self._asked = 0
        name = f"$JS.API.CONSUMER.MSG.NEXT.{self.subscription.stream}.{self.subscription.durable}"
        limit = self.subscription.concurrency
        while not self._stopping:
            self._room.clear()
            if self._refused:
                self._refused = False
                await asyncio.sleep(_REFUSED_SECONDS)
            free = limit - len(self._running) - self._asked
            # A pull that a restarted server forgot is missed by its heartbeats.
            if self._asked and time.monotonic() - self._heard > 2 * _HEARTBEAT_SECONDS:
                self._asked = 0
                continue
            if free >= max(1, limit // 2) or (free > 0 and not self._asked):
                await self._pull(name, inbox, free)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._room.wait(), _HEARTBEAT_SECONDS)

    def ask_again(self) -> None:
        """Forget what was asked of a server that is gone."""
        self._asked = 0
        self._room.set()

    async def stop(self, seconds: float) -> None:
        """Ask for nothing more, let what has begun finish, and give it up after `seconds`."""
        self._stopping = True
        self._room.set()
        if self._inbox is not None:
            with suppress(nats.errors.Error, OSError):
                # The server hands out no more, and what was on its way goes back at once.
                await self._inbox.drain()  # type: ignore[no-untyped-call]
        running = set(self._running)
        if running:
            _, late = await asyncio.wait(running, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _pull(self, name: str, inbox: str, batch: int) -> None:
        nanoseconds = 1_000_000_000
        request = (
            f'{{"batch":{batch},"expires":{int(_PULL_SECONDS * nanoseconds)},'
            f'"idle_heartbeat":{int(_HEARTBEAT_SECONDS * nanoseconds)}}}'
        )
        try:
            await self._client.publish(name, request.encode(), reply=inbox)
        except (nats.errors.Error, OSError):
            await asyncio.sleep(0.2)  # Reconnecting; the next round asks again.
            return
        self._asked += batch
        self._heard = time.monotonic()

    async def _receive(self, message: Msg) -> None:
        self._heard = time.monotonic()
        headers = message.headers or {}
        if status := headers.get("Status"):
            if status != "100":  # 408 and 409 end a pull; 100 is a heartbeat.
                if status in ("404", "503"):  # No such durable, or JetStream is not up yet.
                    self._refused = True
                    log.warning("pull refused", handler=self.subscription.durable, status=status)
                left = headers.get("Nats-Pending-Messages")
                self._asked = max(0, self._asked - int(left)) if left else 0
                self._room.set()
            return
        self._asked = max(0, self._asked - 1)
        if self._stopping:
            await message.nak()
            return
        task = asyncio.create_task(self._handle(message))
        self._running.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self._room.set()

    async def _handle(self, message: Msg) -> None:
        started = time.perf_counter()
        headers = message.headers or {}
        # Every message has a task, and so a logging context, of its own.
        in_call(headers.get("tenant", ""), headers.get("correlation-id", ""))
        delivered = message.metadata.num_delivered
        bus_lag_seconds.labels(self.subscription.durable).observe(
            max(0.0, (datetime.now(UTC) - message.metadata.timestamp).total_seconds())
        )
        progress = asyncio.create_task(_keep(message))
        try:
            outcome = await self._settle(message, delivered)
        except (nats.errors.Error, OSError):
            outcome = "retry"  # The settlement itself was lost: the server delivers again.
        finally:
            progress.cancel()
        bus_seconds.labels(self.subscription.durable, outcome).observe(
            time.perf_counter() - started
        )

    async def _settle(self, message: Msg, delivered: int) -> Settle:
        durable = self.subscription.durable
        try:
            await self._run(message)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            reason, limit, again = self._judge(error)
            if again and delivered < limit:
                if not isinstance(error, AppError):
                    log.exception("bus message failed", handler=durable, delivered=delivered)
                else:
                    log.info("bus message retried", handler=durable, reason=reason)
                await message.nak(delay=retry_delay(delivered, error))
                return "retry"
            # A bug's own words may quote what a customer wrote; ours are written to be shown.
            detail = str(error) if isinstance(error, AppError) else ""
            await self._bury(message, reason, detail, delivered)
            return "dead"
        await message.ack()
        return "ack"

    def _judge(self, error: Exception) -> tuple[str, int, bool]:
        if isinstance(error, AppError):
            return error.reason, _MAX_DELIVER_UNAVAILABLE, error.retryable
        return type(error).__name__, self.subscription.max_deliver, True

    async def _run(self, message: Msg) -> None:
        headers = message.headers or {}
        tenant = headers.get("tenant", "")
        if message.subject.split(".")[2] != tenant:
            raise WrongTenant
        kind = self.subscription.message
        try:
            body = kind.FromString(message.data)
        except DecodeError:
            raise Undecodable(type=kind.DESCRIPTOR.full_name) from None
        validate(body)
        call = system_call(
            self.subscription.service,
            self._database,
            self._peers,
            tenant_id=tenant,
            workspace_id=headers.get("workspace", ""),
            correlation_id=headers.get("correlation-id", ""),
            cause=headers.get("Nats-Msg-Id", ""),
        )
        async with asyncio.timeout(_HANDLER_SECONDS):
            await self._function(call, body, **self._arguments)

    async def _bury(self, message: Msg, reason: str, text: str, delivered: int) -> None:
        durable = self.subscription.durable
        log.error("bus message buried", handler=durable, reason=reason, delivered=delivered)
        headers = {
            **(message.headers or {}),
            "dead-subject": message.subject,
            "dead-reason": reason,
            "dead-detail": re.sub(r"[^\x20-\x7e]", "?", text)[:500],
            "dead-deliveries": str(delivered),
            "Nats-Msg-Id": f"dead-{durable}-{message.metadata.sequence.stream}",
        }
        subject = f"dlq.{self.subscription.service}.{durable}"
        await self._client.jetstream().publish(subject, message.data, headers=headers)
        dead_letters.labels(durable).inc()
        await message.term()


def system_call(
    service: str,
    database: Database | None,
    peers: Peers,
    *,
    tenant_id: str,
    workspace_id: str,
    correlation_id: str,
    cause: str,
) -> Call:
    """A call that a service makes by itself on behalf of one tenant: from the bus or a timer."""
    actor = Actor("service", service, tenant_id, workspace_id, frozenset({SERVICE}))
    return Call(
        actor,
        database=database,
        peers=peers,
        correlation_id=correlation_id,
        cause=cause,
        seconds=_HANDLER_SECONDS,
    )


def retry_delay(delivered: int, error: Exception) -> float:
    """Seconds until the next attempt: growing, with full jitter, or what the error asks for."""
    asked = error.retry_after if isinstance(error, AppError) else None
    if asked is not None:
        return asked * random.uniform(1.0, 1.2)
    ceiling = _RETRY_SECONDS[min(delivered, len(_RETRY_SECONDS)) - 1]
    return random.uniform(ceiling / 2, ceiling)


async def listen(
    client: Client, event: type[Message], handle: Callable[[Message, str], Awaitable[None]]
) -> None:
    """Hear an event live in this process: handle(event, tenant_id). It may be missed."""

    async def receive(message: Msg) -> None:
        tenant = (message.headers or {}).get("tenant", "")
        if message.subject.split(".")[2] != tenant:
            log.error("live event refused", event_type=snake_case(event.DESCRIPTOR.name))
            return
        try:
            await handle(event.FromString(message.data), tenant)
        except Exception:
            log.exception("live event failed", event_type=snake_case(event.DESCRIPTOR.name))

    await client.subscribe(subject(event.DESCRIPTOR, "*"), cb=receive)


async def _keep(message: Msg) -> None:
    with suppress(nats.errors.Error, OSError):
        while True:
            await asyncio.sleep(_PROGRESS_SECONDS)
            await message.in_progress()
