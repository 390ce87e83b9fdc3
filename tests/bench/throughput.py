"""Messages carried from webhook to answer, per second."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from tests.bench.business import TOPICS, Business, open_business
from tests.bench.cpu import costs, cpu_seconds
from tests.bench.figure import Figure, Invalid, note
from tests.bench.generator import generator, towards
from tests.bench.laboratory import Laboratory
from tests.bench.load import Plan, customer_number
from tests.outside import until

BUDGET = 200.0
OFFERED = 1.5 * BUDGET
"""Messages per second: more than the budget, so that the budget is not what limits."""
QUIET = 1.0
_CONNECTIONS = 64
_PATIENCE, _STALLED = 45, 20
_FIRST_CUSTOMER = 11_700_000_000


async def measure(lab: Laboratory) -> AsyncIterator[Figure]:
    """Offered at a fixed rate, answered by the local model, counted when all have their answer.

    The rate is all messages over the time from the first webhook to the last answer at the
    sandbox, less one quiet time: what is offered faster than it is carried makes that time longer.
    """
    for burst, name in ((4, "bursts_of_4"), (1, "single_messages")):
        await lab.calm()
        business = await open_business(
            lab.mesh, lab.session, "Movimento", topics=TOPICS, quiet_seconds=QUIET
        )
        rate = await _carried(lab, business, burst)
        yield Figure(f"end_to_end_{name}", rate, "messages/s", BUDGET, "at least")


async def _carried(lab: Laboratory, business: Business, burst: int) -> float:
    bursts = int(OFFERED * 2 * lab.seconds) // burst
    plan = Plan(
        host="",
        port=0,
        connections=_CONNECTIONS,
        seconds=2 * lab.seconds + _PATIENCE,
        channel=dict(business.channel),
        texts=[topic.question for topic in TOPICS],
        first_customer=_FIRST_CUSTOMER,
        customers=bursts,
        burst=burst,
        count=bursts * burst,
        rate=OFFERED,
    )
    before = cpu_seconds(lab.mesh)
    async with generator(towards(plan, business.channel["webhook_url"])) as ready:
        outcome = await ready.send()
    if outcome.accepted != plan.count:
        raise Invalid(f"{outcome.accepted} of {plan.count} webhooks were acknowledged")
    heard, last = await _answers(lab, business, bursts)
    took = last - outcome.began - QUIET
    acknowledging = outcome.ended - outcome.began
    note(
        f"  bursts of {burst}: {plan.count} messages offered at {OFFERED:.0f}/s and acknowledged"
        f" within {acknowledging:.1f} s (p99 {outcome.p99 * 1000:.0f} ms); the last of {heard}"
        f" answers {last - outcome.ended:.1f} s later"
    )
    note(f"  {costs(before, cpu_seconds(lab.mesh), heard * burst)}")
    if heard < bursts:
        note(f"  the backlog did not drain within {_PATIENCE} s: {bursts - heard} bursts are left")
        return heard * burst / took
    await _one_each(lab, business, bursts)
    await _nothing_left(lab, business)
    return plan.count / took


async def _answers(lab: Laboratory, business: Business, expected: int) -> tuple[int, float]:
    """How many customers have an answer at the sandbox, and when the last of them had it."""
    ends = time.monotonic() + _PATIENCE
    heard, last = 0, time.monotonic()
    while heard < expected and (now := time.monotonic()) < ends:
        numbers = (await lab.sandbox("numbers"))["numbers"]
        # Nobody writes through the sandbox, so a chat begins with the first answer in it.
        found = next(n["chats"] for n in numbers if n["phone_number_id"] == business.number)
        if found > heard:
            heard, last = found, time.monotonic()
        elif now - last > _STALLED:
            raise Invalid(f"{heard} of {expected} bursts had an answer, and no more came")
        await asyncio.sleep(0.1)
    return heard, last


async def _one_each(lab: Laboratory, business: Business, bursts: int) -> None:
    sent = await lab.sandbox(f"sent?phone_number_id={business.number}&limit=0")
    counts: dict[str, int] = sent["by_recipient"]
    expected = {customer_number(_FIRST_CUSTOMER + number) for number in range(bursts)}
    if counts.keys() != expected:
        raise Invalid(f"{len(counts.keys() ^ expected)} customers have no answer or an odd one")
    if more := sum(count > 1 for count in counts.values()):
        # Under load a burst may reach the buffer with a pause longer than the quiet time.
        note(f"  {more} bursts were answered in more than one turn")


async def _nothing_left(lab: Laboratory, business: Business) -> None:
    """The backlog drains to zero: nothing is queued, waits or is being answered."""

    async def empty() -> bool:
        left = await lab.owner.fetchval(
            "SELECT (SELECT count(*) FROM ingestion.webhook_events"
            "         WHERE tenant_id = $1 AND status = 'queued')"
            "     + (SELECT count(*) FROM processing.messages WHERE tenant_id = $1 AND waits)"
            "     + (SELECT count(*) FROM processing.turns"
            "         WHERE tenant_id = $1 AND status NOT IN ('done', 'failed', 'cancelled'))",
            business.tenant_id,
        )
        return bool(left == 0)

    await until(empty, _PATIENCE)
