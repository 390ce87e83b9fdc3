"""The load generator counts what comes back, and what is not a 200 makes a figure invalid."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from tests.bench.figure import Invalid
from tests.bench.generator import drive, generator
from tests.bench.load import Plan, webhooks
from tests.outside import sign

CHANNEL = {"app_secret": "secret", "waba_id": "102", "phone_number_id": "106"}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
FAILED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"
HANG_UP = b""

PLAN = Plan(
    host="127.0.0.1",
    port=0,
    connections=4,
    seconds=10.0,
    path="/webhooks/v1/whatsapp/1",
    channel=CHANNEL,
    texts=["Olá"],
    first_customer=11_900_000_000,
    customers=50,
    count=200,
)


@asynccontextmanager
async def server(answer: Callable[[int], bytes]) -> AsyncIterator[tuple[int, Counter[bytes]]]:
    """A server that answers its nth request with `answer(n)`; and the bodies that came."""
    numbers = itertools.count()
    bodies: Counter[bytes] = Counter()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
                bodies[await reader.readexactly(length)] += 1
                said = answer(next(numbers))
                if not said:
                    return
                writer.write(said)
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1], bodies


@pytest.mark.parametrize("said", [OK, CHUNKED])
async def test_every_webhook_is_sent_once(said: bytes) -> None:
    async with server(lambda _: said) as (port, bodies):
        outcome = await drive(replace(PLAN, port=port))
    assert outcome.statuses == {"200": 200}
    assert len(bodies) == 200
    assert set(bodies.values()) == {1}
    assert outcome.rate > 0
    assert 0 < outcome.p50 <= outcome.p99


async def test_the_same_request_is_sent_until_the_time_is_up() -> None:
    async with server(lambda _: OK) as (port, _):
        plan = replace(PLAN, port=port, seconds=0.5, request="GET / HTTP/1.1\r\n\r\n")
        outcome = await drive(plan)
    assert outcome.accepted > 100
    assert outcome.ended - outcome.began == pytest.approx(0.5, abs=0.4)


@pytest.mark.parametrize("bad", [FAILED, HANG_UP])
async def test_one_bad_answer_makes_it_invalid(bad: bytes) -> None:
    async with server(lambda number: bad if number == 100 else OK) as (port, _):
        with pytest.raises(Invalid, match="not only 200"):
            await drive(replace(PLAN, port=port))


async def test_nobody_there_makes_it_invalid() -> None:
    async with server(lambda _: OK) as (port, _):
        pass
    with pytest.raises(Invalid, match="broken"):
        await drive(replace(PLAN, port=port, seconds=0.3, request="GET / HTTP/1.1\r\n\r\n"))


async def test_a_rate_is_kept() -> None:
    async with server(lambda _: OK) as (port, _):
        plan = replace(PLAN, port=port, rate=200.0, burst=4, gap=0.01)
        async with generator(plan) as ready:
            outcome = await ready.send()
    assert outcome.ended - outcome.began == pytest.approx(1.0, abs=0.4)


def test_webhooks_are_signed_and_each_has_its_own_id() -> None:
    made = webhooks(replace(PLAN, burst=4, rate=100.0))
    bodies = [request.partition(b"\r\n\r\n")[2] for _, request in made]
    assert len(set(bodies)) == len(made)
    for (_, request), body in zip(made, bodies, strict=True):
        assert f"x-hub-signature-256: {sign(body, 'secret')}\r\n".encode() in request
    due = [second for second, _ in made]
    assert due == sorted(due)
    assert due[-1] == pytest.approx(49 * 4 / 100 + 3 * 0.05)
