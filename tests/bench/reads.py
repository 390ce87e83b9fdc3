"""Reads over REST with identity and row level security, against a bare gRPC echo."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from tests.bench.business import open_business, operator_of
from tests.bench.cpu import costs, cpu_seconds
from tests.bench.figure import Figure, Invalid, note
from tests.bench.generator import drive, generator, towards
from tests.bench.laboratory import Laboratory
from tests.bench.load import Outcome, Plan
from tests.outside import until

CONNECTIONS = 32
ROUNDS = 9
FLOOD_CONNECTIONS = 4


async def measure(lab: Laboratory) -> AsyncIterator[Figure]:
    """Both go through the same Envoy, its transcoder, and HTTP/2 on a unix socket."""
    business = await open_business(lab.mesh, lab.session, "Leituras")
    world = business.world

    async def echo_is_known() -> bool:
        return (await world.rest("GET", "/v1/echo/1")).status == 200

    await until(echo_is_known, 10)
    read = f"/v1/assistants/{business.assistant_id}"
    if (await world.get(read))["id"] != business.assistant_id:
        raise Invalid("the assistant that was read is another one")
    key = world.demo["api_key"]
    yield await _against_the_echo(lab, read, f"/v1/echo/{business.assistant_id}", key)
    yield await _beside_a_flood(lab, read, key)


async def _against_the_echo(lab: Laboratory, read: str, echo: str, key: str) -> Figure:
    """The round with the middle ratio of several.

    A round asks both, one right after the other: the speed of a shared machine drifts by more in a
    minute than what is looked for.
    """
    rounds = []
    for _ in range(ROUNDS):
        bare = await _measured(lab, "a bare echo", echo, key)
        real = await _measured(lab, "GET /v1/assistants/{id}", read, key)
        rounds.append((real.rate / bare.rate, real.rate, bare.rate))
    _, rate, baseline = sorted(rounds)[ROUNDS // 2]
    return Figure("rest_reads", rate, "requests/s", 0.5, "at least", baseline=baseline)


async def _measured(lab: Laboratory, what: str, path: str, key: str) -> Outcome:
    before = cpu_seconds(lab.mesh)
    seconds = max(lab.seconds / 3, 1.5)
    outcome = await drive(_plan(lab, path, key, CONNECTIONS, seconds))
    _tell(what, outcome)
    note(f"    {costs(before, cpu_seconds(lab.mesh), outcome.accepted)}")
    return outcome


async def _beside_a_flood(lab: Laboratory, read: str, key: str) -> Figure:
    """One caller's reads while another tenant, far above its limit, asks as fast as it can.

    What the two cores do for the flood is in it: each refusal still passes Envoy and the service.
    """
    async with operator_of(lab.mesh) as operator:
        flooding = (await operator.new_tenant("Enchente", "free")).api_key
    seconds = max(lab.seconds, 2.0)
    alone = await drive(_plan(lab, read, key, 1, seconds))
    flooding_all = _plan(lab, "/v1/assistants", flooding, FLOOD_CONNECTIONS, seconds)
    async with generator(flooding_all) as flood:
        flooded = asyncio.create_task(flood.send_whatever_comes())
        beside = await drive(_plan(lab, read, key, 1, seconds))
        outcome = await flooded
    if not outcome.statuses.get("429"):
        raise Invalid(f"the flood was not refused: {outcome.statuses}")
    _tell("alone", alone)
    _tell(f"beside a flood that got {outcome.statuses}", beside)
    return Figure(
        "read_p99_beside_a_flood",
        beside.p99 * 1000,
        "ms",
        None,
        "at most",
        baseline=alone.p99 * 1000,
    )


def _plan(lab: Laboratory, path: str, key: str, connections: int, seconds: float) -> Plan:
    plan = Plan(host="", port=0, connections=connections, seconds=seconds, warm=seconds / 5)
    plan = towards(plan, lab.api_url)
    request = f"GET {path} HTTP/1.1\r\nhost: {plan.host}:{plan.port}\r\nx-api-key: {key}\r\n\r\n"
    return Plan(**{**vars(plan), "request": request})


def _tell(what: str, outcome: Outcome) -> None:
    note(
        f"  {what}: {outcome.rate:.0f}/s, p50 {outcome.p50 * 1000:.1f} ms,"
        f" p99 {outcome.p99 * 1000:.1f} ms, the generator took {outcome.cpu:.0%} of a core"
    )
