"""The load generator: a process of its own, several times cheaper than what it measures.

python -m tests.bench.load reads a plan from standard input, prepares every request, prints
"ready", waits for a line, sends, and prints what came back as one line of JSON.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import itertools
import json
import resource
import sys
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any, cast

import uvloop

from tests.bench.figure import percentile
from tests.outside import envelope, new_wamid, text_message

_LATE = 30.0
"""Seconds that an answer may take before its connection counts as broken."""
_CUSTOMER, _WAMID, _TEXT = "5500000000000", "wamid.PLACE", "TEXT"


@dataclass(frozen=True)
class Plan:
    """What to send. Without a rate each connection sends as soon as it has its answer."""

    host: str
    port: int
    connections: int
    seconds: float
    request: str = ""
    """The same request every time, as text; else webhooks are made from the rest."""
    path: str = ""
    channel: dict[str, Any] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    first_customer: int = 0
    customers: int = 0
    """They come one after the other, each with a burst, and then again from the first one."""
    burst: int = 1
    gap: float = 0.05
    """Seconds between the messages of a burst, where there is a rate."""
    count: int = 0
    """Webhooks that are prepared; sending ends with the last one, or with the time."""
    rate: float | None = None
    """Messages per second, whether or not answers come in time."""
    warm: float = 0.0
    """Seconds at the beginning that count for no rate and no percentile."""


@dataclass
class Outcome:
    """What came back."""

    statuses: dict[str, int]
    """How many answers of each status; "broken" for connections that ended without one."""
    began: float
    """On the monotonic clock, which all processes of a machine share."""
    ended: float
    rate: float
    """Answers with 200 per second, after the warm-up."""
    p50: float
    p99: float
    cpu: float
    """The part of one core that the generator itself took."""

    @property
    def accepted(self) -> int:
        """Answers with 200."""
        return self.statuses.get("200", 0)


class _Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, load: _Load) -> None:
        self._load = load
        self._buffer = b""
        self._sent = 0.0
        self._idle = True
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of it.
        self._load.connected(self)

    def send(self, request: bytes) -> None:
        assert self.transport is not None
        self._idle = False
        self._sent = time.monotonic()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, separator, body = self._buffer.partition(b"\r\n\r\n")
        if not separator:
            return
        lower = head.lower()
        place = lower.find(b"content-length:")
        if place >= 0:
            if len(body) < int(lower[place + 15 :].split(b"\r\n", 1)[0]):
                return
        elif not body.endswith(b"0\r\n\r\n"):
            return
        self._buffer = b""
        self._idle = True
        self._load.answered(self, head[9:12].decode(), self._sent)

    def connection_lost(self, exc: Exception | None) -> None:
        self._load.lost(self, idle=self._idle)


class _Load:
    """All connections, what is left to send, and what came back."""

    def __init__(self, plan: Plan, requests: Iterator[tuple[float, bytes]]) -> None:
        self._plan = plan
        self._requests = requests
        self._statuses: Counter[str] = Counter()
        self._finished: list[tuple[float, float]] = []
        self._open: set[_Connection] = set()
        self._reconnects: set[asyncio.Task[None]] = set()
        self._done = asyncio.Event()
        self._began = 0.0
        self._over = False

    async def run(self) -> Outcome:
        """Send until the requests or the time are used up, and wait for the last answers."""
        used = resource.getrusage(resource.RUSAGE_SELF)
        self._began = time.monotonic()
        try:
            async with asyncio.timeout(self._plan.seconds + _LATE):
                for _ in range(self._plan.connections):
                    await self._connect()
                await self._done.wait()
        except TimeoutError:
            self._statuses["broken"] += max(1, len(self._open))
        ended = max((at for at, _ in self._finished), default=time.monotonic())
        spent = resource.getrusage(resource.RUSAGE_SELF)
        counted = [one for one in self._finished if one[0] >= self._began + self._plan.warm]
        window = ended - self._began - self._plan.warm
        cpu = spent.ru_utime + spent.ru_stime - used.ru_utime - used.ru_stime
        waits = [seconds for _, seconds in counted] or [0.0]
        return Outcome(
            statuses=dict(self._statuses),
            began=self._began,
            ended=ended,
            rate=len(counted) / window if window > 0 else 0.0,
            p50=percentile(waits, 0.50),
            p99=percentile(waits, 0.99),
            cpu=cpu / (ended - self._began) if ended > self._began else 0.0,
        )

    def connected(self, connection: _Connection) -> None:
        self._open.add(connection)
        self._next(connection)

    def answered(self, connection: _Connection, status: str, sent: float) -> None:
        self._statuses[status] += 1
        if status == "200":
            now = time.monotonic()
            self._finished.append((now, now - sent))
        self._next(connection)

    def lost(self, connection: _Connection, *, idle: bool) -> None:
        self._open.discard(connection)
        if not self._over and not idle:
            self._statuses["broken"] += 1
        if not self._over:
            task = asyncio.create_task(self._connect())
            self._reconnects.add(task)
            task.add_done_callback(self._reconnects.discard)
        self._maybe_done()

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        while not self._over and time.monotonic() - self._began <= self._plan.seconds:
            try:
                await loop.create_connection(
                    lambda: _Connection(self), self._plan.host, self._plan.port
                )
            except OSError:
                self._statuses["broken"] += 1
                await asyncio.sleep(0.1)
            else:
                return
        self._over = True
        self._maybe_done()

    def _next(self, connection: _Connection) -> None:
        over = self._over or time.monotonic() - self._began > self._plan.seconds
        found = None if over else next(self._requests, None)
        if found is None:
            self._over = True
            assert connection.transport is not None
            connection.transport.close()
            self._open.discard(connection)
            self._maybe_done()
            return
        due, request = found
        wait = self._began + due - time.monotonic()
        if wait > 0:
            asyncio.get_running_loop().call_later(wait, connection.send, request)
        else:
            connection.send(request)

    def _maybe_done(self) -> None:
        if self._over and not self._open:
            self._done.set()


def customer_number(number: int) -> str:
    """A Brazilian mobile number."""
    return f"55{number:011d}"


def webhooks(plan: Plan) -> list[tuple[float, bytes]]:
    """Signed webhooks with a message each, every one with a wamid of its own."""
    secret = hmac.new(plan.channel["app_secret"].encode(), digestmod=hashlib.sha256)
    message = text_message(_CUSTOMER, _TEXT, _WAMID)
    template = envelope(plan.channel, [message], _CUSTOMER).decode()
    head = (
        f"POST {plan.path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\n"
        "content-type: application/json\r\nuser-agent: facebookexternalua\r\n"
    )
    made = []
    for number in range(plan.count):
        burst, place = divmod(number, plan.burst)
        customer = customer_number(plan.first_customer + burst % plan.customers)
        text = plan.texts[(burst + place) % len(plan.texts)]
        body = (
            template.replace(_CUSTOMER, customer)
            .replace(_WAMID, new_wamid())
            .replace(f'"{_TEXT}"', json.dumps(text, ensure_ascii=False))
            .encode()
        )
        signature = secret.copy()
        signature.update(body)
        request = (
            f"{head}x-hub-signature-256: sha256={signature.hexdigest()}\r\n"
            f"content-length: {len(body)}\r\n\r\n"
        ).encode() + body
        due = burst * plan.burst / plan.rate + place * plan.gap if plan.rate else 0.0
        made.append((due, request))
    made.sort(key=lambda one: one[0])
    return made


def requests_of(plan: Plan) -> Iterator[tuple[float, bytes]]:
    """Each request with the second at which it is due; all are made before the first is sent."""
    if plan.request:
        return itertools.repeat((0.0, plan.request.encode()))
    return iter(webhooks(plan))


def main() -> None:
    """Prepare, wait for the word, send, tell."""
    plan = Plan(**json.loads(sys.stdin.readline()))
    requests = requests_of(plan)
    print("ready", flush=True)
    if not sys.stdin.readline():
        return
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(asdict(runner.run(_Load(plan, requests).run()))), flush=True)


if __name__ == "__main__":
    main()
