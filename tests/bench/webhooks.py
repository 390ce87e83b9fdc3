"""Durable webhooks per second, against a handler that does nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator

from tests.bench.business import Business, open_business
from tests.bench.cpu import costs, cpu_seconds
from tests.bench.edge import EMPTY
from tests.bench.figure import Figure, Invalid, note
from tests.bench.generator import drive, towards
from tests.bench.laboratory import Laboratory
from tests.bench.load import Outcome, Plan
from tests.outside import until

CONNECTIONS = 64
MOST_PER_SECOND = 12_000
"""So many webhooks are prepared for each second; who reaches it is measured too low."""
CUSTOMERS = 1_000
_DRAIN_SECONDS = 60


async def measure(lab: Laboratory) -> AsyncIterator[Figure]:
    """Every webhook is signed, has a wamid of its own, and is in the ledger afterwards.

    Nobody answers these customers: their messages are stored in conversations that people handle,
    so that what is measured is the taking in, with the work that follows from it at once.
    """
    business = await open_business(lab.mesh, lab.session, "Enxurrada", answered=False)
    seconds = max(lab.seconds, 2.0)
    plan = Plan(
        host="",
        port=0,
        connections=CONNECTIONS,
        seconds=seconds,
        warm=min(1.0, seconds / 4),
        channel=dict(business.channel),
        texts=["Oi, vocês abrem amanhã? Queria trocar um vestido que comprei ontem."],
        first_customer=11_900_000_000,
        customers=CUSTOMERS,
        count=int(MOST_PER_SECOND * seconds),
    )
    path = business.channel["webhook_url"].removeprefix(lab.api_url)
    acknowledged = 0
    empty: dict[str, Outcome] = {}
    for way, base in (("Envoy", lab.api_url), ("the edge", lab.edge_url)):
        empty[way] = await drive(towards(plan, f"{base}{EMPTY}"))
        _tell(f"an empty handler through {way}", empty[way])
    for way, base in (("Envoy", lab.api_url), ("the edge", lab.edge_url)):
        before = cpu_seconds(lab.mesh)
        outcome = await drive(towards(plan, f"{base}{path}"))
        _tell(f"webhooks through {way}", outcome)
        note(f"  {costs(before, cpu_seconds(lab.mesh), outcome.accepted)}")
        acknowledged += outcome.accepted
        await _in_the_ledger(lab, business, acknowledged)
        suffix = "" if way == "Envoy" else "_without_envoy"
        yield Figure(
            f"webhooks_accepted{suffix}",
            outcome.rate,
            "webhooks/s",
            0.6,
            "at least",
            baseline=empty[way].rate,
        )
        yield Figure(f"webhooks_accepted_p99{suffix}", outcome.p99 * 1000, "ms", 50.0, "at most")
        await _judged(lab, business, acknowledged)


async def _in_the_ledger(lab: Laboratory, business: Business, acknowledged: int) -> None:
    rows, bodies = await lab.owner.fetchrow(
        "SELECT count(*), count(DISTINCT md5(payload)) FROM ingestion.webhook_events"
        " WHERE connection_id = $1",
        business.channel["id"],
    )
    note(f"  the ledger holds {rows} rows of {acknowledged} acknowledged webhooks")
    if not rows == bodies == acknowledged:
        raise Invalid(
            f"{acknowledged} acknowledged, {rows} rows of {bodies} webhooks in the ledger"
        )


async def _judged(lab: Laboratory, business: Business, acknowledged: int) -> None:
    """Wait until the backlog is gone, for it would slow down what is measured next."""
    query = (
        "SELECT count(*) FILTER (WHERE status = 'queued'),"
        " count(*) FILTER (WHERE status = 'rejected'),"
        " (SELECT count(*) FROM processing.messages WHERE connection_id = $1)"
        " FROM ingestion.webhook_events WHERE connection_id = $1"
    )

    async def done() -> bool:
        queued, rejected, stored = await lab.owner.fetchrow(query, business.channel["id"])
        if rejected:
            raise Invalid(f"{rejected} good webhooks were rejected")
        return bool(queued == 0 and stored == acknowledged)

    try:
        await until(done, _DRAIN_SECONDS)
    except TimeoutError:
        queued, _, stored = await lab.owner.fetchrow(query, business.channel["id"])
        note(f"  after {_DRAIN_SECONDS} s {queued} are not judged and {stored} are stored")


def _tell(what: str, outcome: Outcome) -> None:
    note(
        f"  {what}: {outcome.rate:.0f}/s, p50 {outcome.p50 * 1000:.1f} ms,"
        f" p99 {outcome.p99 * 1000:.1f} ms, the generator took {outcome.cpu:.0%} of a core"
    )
