"""What Malha adds between a webhook and the answer, beyond the quiet time."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncIterator

from tests.bench.business import TOPICS, Business, open_business
from tests.bench.cpu import costs, cpu_seconds
from tests.bench.figure import Figure, Invalid, note, percentile
from tests.bench.laboratory import Laboratory
from tests.bench.load import customer_number
from tests.outside import envelope, new_wamid, text_message

PER_SECOND = 20
SECONDS = 15.0
QUIET = 1.0
_PATIENCE = 30


async def measure(lab: Laboratory) -> AsyncIterator[Figure]:
    """From the first byte of the webhook to the sandbox having the send, minus the quiet time.

    The local model's own milliseconds are in it. Each message is a customer's only one.
    """
    business = await open_business(
        lab.mesh, lab.session, "Pressa", topics=TOPICS, quiet_seconds=QUIET
    )
    seconds = min(SECONDS, 3 * lab.seconds)
    # Like people, at random times: a fixed pace would beat in time with the poll for due buffers.
    pace = random.Random(20)
    customers = itertools.count(11_800_000_000)
    asked = []
    for _ in range(3):  # Connections and caches are warm in a process that has run for a while.
        await _added(lab, business, customer_number(next(customers)))
    before = cpu_seconds(lab.mesh)
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        asked.append(asyncio.create_task(_added(lab, business, customer_number(next(customers)))))
        await asyncio.sleep(pace.expovariate(PER_SECOND))
    outcomes = await asyncio.gather(*asked, return_exceptions=True)
    failed = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    if failed:
        raise Invalid(f"{len(failed)} of {len(outcomes)} got no answer: {failed[0]!r}")
    added = [outcome * 1000 for outcome in outcomes if isinstance(outcome, float)]
    note(
        f"  {len(added)} messages at {len(added) / seconds:.0f}/s: "
        f"least {min(added):.0f} ms, most {max(added):.0f} ms"
    )
    note(f"  {costs(before, cpu_seconds(lab.mesh), len(added))}")
    yield Figure("added_latency_p50", percentile(added, 0.50), "ms", 150.0, "at most")
    yield Figure("added_latency_p95", percentile(added, 0.95), "ms", 400.0, "at most")


async def _added(lab: Laboratory, business: Business, customer: str) -> float:
    """Seconds that one customer waits beyond the quiet time."""
    chat = f"numbers/{business.number}/chats/{customer}"
    cursor = (await lab.sandbox(chat))["cursor"]
    # Answered by the sandbox when it has accepted the send, which is this chat's first change.
    heard = asyncio.create_task(lab.sandbox(f"{chat}?after={cursor}&wait={_PATIENCE}"))
    try:
        await asyncio.sleep(0.05)
        message = text_message(customer, random.choice(TOPICS).question, new_wamid())
        body = envelope(business.channel, [message], customer)
        began = time.monotonic()
        answer = await business.world.webhook(body)
        if answer.status != 200:
            raise Invalid(f"the webhook was answered with {answer.status}")
        messages = (await heard)["messages"]
        waited = time.monotonic() - began
    finally:
        heard.cancel()
    if [message["author"] for message in messages] != ["business"]:
        raise Invalid(f"{len(messages)} answers within {_PATIENCE} s")
    return waited - QUIET
