"""Collects webhooks while the batch before is being stored, and hands them over as the next one."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from time import time_ns

import grpc
from malha.ingestion.v1.webhook_service_pb2 import (
    ReceiveWebhooksRequest,
    ReceiveWebhooksResponse,
    WebhookAnswer,
)
from prometheus_client import Counter, Gauge, Histogram

from services.kit.errors import AppError
from services.kit.log import get_logger

log = get_logger(__name__)

Store = Callable[[ReceiveWebhooksRequest], Awaitable[ReceiveWebhooksResponse]]

_SECOND = 1_000_000_000
_MOST_TURNS = 16
# Trying again with fewer webhooks cannot help when nobody is there.
_AWAY = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED})
_NOT_STORED = WebhookAnswer(http_status=503, reason="UNAVAILABLE")

answered = Counter("malha_edge_webhooks_total", "Webhooks answered, by HTTP status.", ["status"])
batch_seconds = Histogram(
    "malha_edge_batch_seconds",
    "Time to have a batch of webhooks stored.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
batch_webhooks = Histogram(
    "malha_edge_batch_webhooks", "Webhooks in a batch.", buckets=(1, 2, 4, 8, 16, 32, 64, 128, 256)
)
waiting_gauge = Gauge("malha_edge_waiting_webhooks", "Webhooks that wait for their commit.")


class Overloaded(Exception):
    """Too many webhooks wait for their commit: the provider must come back."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is stored at once, and how much may wait."""

    batch_webhooks: int
    batch_bytes: int
    in_flight: int
    waiting_webhooks: int
    waiting_bytes: int


@dataclass(slots=True)
class _Batch:
    request: ReceiveWebhooksRequest = field(default_factory=ReceiveWebhooksRequest)
    waiters: list[asyncio.Future[WebhookAnswer]] = field(default_factory=list)
    size: int = 0


class Collector:
    """Webhooks on their way into the ledger.

    Nobody waits for a batch to fill: whatever has arrived when the commit before is done goes next.
    A waiter is only a future: one that is cancelled, because its client hung up, leaves its webhook
    and the rest of the batch untouched.
    """

    def __init__(self, store: Store, limits: Limits) -> None:
        self._store = store
        self._limits = limits
        self._batches: deque[_Batch] = deque()
        self._in_flight: set[asyncio.Task[None]] = set()
        self.waiting = 0
        """Webhooks that wait for their commit, or for its outcome."""
        self._waiting_bytes = 0
        self._woken = False
        self._arrived = 0
        waiting_gauge.set_function(lambda: self.waiting)

    def submit(
        self,
        request_id: str,
        channel: str,
        connection_id: str,
        body: bytes,
        headers: Mapping[str, str],
    ) -> asyncio.Future[WebhookAnswer]:
        """Join the next batch; the future is the answer. Raises Overloaded."""
        size = len(body)
        if (
            self.waiting >= self._limits.waiting_webhooks
            or self._waiting_bytes + size > self._limits.waiting_bytes
        ):
            raise Overloaded
        seconds, nanos = divmod(time_ns(), _SECOND)
        batch = self._open_batch(size)
        webhook = batch.request.webhooks.add(
            request_id=request_id,
            channel=channel,
            connection_id=connection_id,
            body=body,
            receive_time={"seconds": seconds, "nanos": nanos},
        )
        for name, value in headers.items():
            webhook.headers[name] = value
        waiter: asyncio.Future[WebhookAnswer] = asyncio.get_running_loop().create_future()
        batch.waiters.append(waiter)
        batch.size += size
        self.waiting += 1
        self._waiting_bytes += size
        self._arrived += 1
        self._wake()
        return waiter

    async def drain(self) -> None:
        """Return when everything that was submitted has its answer."""
        while self._in_flight or self._batches:
            # Between two batches there is none in flight for a few turns of the loop.
            await (asyncio.wait(self._in_flight) if self._in_flight else asyncio.sleep(0))

    def _open_batch(self, size: int) -> _Batch:
        if self._batches:
            last = self._batches[-1]
            if (
                len(last.waiters) < self._limits.batch_webhooks
                and last.size + size <= self._limits.batch_bytes
            ):
                return last
        self._batches.append(_Batch())
        return self._batches[-1]

    def _wake(self) -> None:
        if not self._woken and len(self._in_flight) < self._limits.in_flight:
            self._woken = True
            asyncio.get_running_loop().call_soon(self._hand_over, self._arrived - 1, 0)

    def _hand_over(self, seen: int, turns: int) -> None:
        # A turn of the loop that brought more is followed by another one, which costs no time:
        # under load it keeps one webhook from going alone while sixty wait for its commit.
        if seen != self._arrived and turns < _MOST_TURNS:
            asyncio.get_running_loop().call_soon(self._hand_over, self._arrived, turns + 1)
            return
        self._woken = False
        while self._batches and len(self._in_flight) < self._limits.in_flight:
            task = asyncio.create_task(self._settle(self._batches.popleft()))
            self._in_flight.add(task)
            task.add_done_callback(self._settled)

    def _settled(self, task: asyncio.Task[None]) -> None:
        self._in_flight.discard(task)
        if self._batches:
            self._wake()

    async def _settle(self, batch: _Batch) -> None:
        answers: list[WebhookAnswer] = []
        try:
            with batch_seconds.time():
                answers = await self._answers(batch.request)
        except Exception:
            log.exception("batch failed", count=len(batch.waiters))
        finally:
            self.waiting -= len(batch.waiters)
            self._waiting_bytes -= batch.size
            batch_webhooks.observe(len(batch.waiters))
            _answer(batch.waiters, answers)

    async def _answers(self, request: ReceiveWebhooksRequest) -> list[WebhookAnswer]:
        """What ingestion says to each webhook; 503 where it said nothing."""
        count = len(request.webhooks)
        try:
            return list((await self._store(request)).answers)
        except AppError as error:
            if error.code in _AWAY or count == 1:
                log.warning("webhooks not stored", count=count, reason=error.reason)
                return [_NOT_STORED] * count
        # Something in here breaks the whole batch. Halves find it, and the rest is stored.
        middle = count // 2
        return [
            *await self._answers(ReceiveWebhooksRequest(webhooks=request.webhooks[:middle])),
            *await self._answers(ReceiveWebhooksRequest(webhooks=request.webhooks[middle:])),
        ]


def _answer(waiters: list[asyncio.Future[WebhookAnswer]], answers: list[WebhookAnswer]) -> None:
    if len(answers) != len(waiters):  # Whose is whose cannot be told: none is acknowledged.
        answers = [_NOT_STORED] * len(waiters)
    counts: dict[int, int] = {}
    for waiter, answer in zip(waiters, answers, strict=True):
        status = answer.http_status
        counts[status] = counts.get(status, 0) + 1
        if not waiter.done():  # Its client may have hung up.
            waiter.set_result(answer)
    for status, count in counts.items():
        answered.labels(str(status)).inc(count)
