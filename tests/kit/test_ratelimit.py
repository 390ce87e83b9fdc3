"""Limits a minute on a real Valkey: over all processes never more, and for one exactly as many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import pytest
import redis.asyncio as redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.kit.ids import new_id
from services.kit.ratelimit import RateLimiter, Window
from tests.conftest import TestTenant

REAL = settings(
    deadline=None, max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture
async def limiter(valkey: redis.Redis) -> RateLimiter:
    return RateLimiter(valkey)


@pytest.fixture
async def nobody(tmp_path: Path) -> AsyncIterator[RateLimiter]:
    """A limiter whose Valkey is away."""
    client = redis.Redis.from_url(f"unix://{tmp_path}/nobody.sock")
    yield RateLimiter(client)
    await client.aclose()


def _assert_plausible(window: Window, limit: int) -> None:
    assert window.limit == limit
    assert window.granted in (0, 1)
    assert 0 <= window.remaining <= limit - window.granted
    assert 0 < window.reset <= 60


@given(
    limit=st.integers(1, 300),
    bursts=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 80)), min_size=1, max_size=25),
)
@REAL
async def test_processes_together_never_admit_more_than_the_limit(
    valkey: redis.Redis, limit: int, bursts: list[tuple[int, int]]
) -> None:
    limiters, tenant_id = [RateLimiter(valkey) for _ in range(3)], new_id()
    granted = 0
    for who, size in bursts:
        windows = await asyncio.gather(
            *(limiters[who].admit(tenant_id, "requests", limit) for _ in range(size))
        )
        for window in windows:
            _assert_plausible(window, limit)
        granted += sum(window.granted for window in windows)
    assert granted <= limit
    asked = sum(size for _, size in bursts)
    # What a process counted ahead and did not use is lost to the others, never more than that.
    assert granted >= min(asked, limit - 2 * max(1, limit // 100))


@given(limit=st.integers(1, 120), sizes=st.lists(st.integers(1, 60), min_size=1, max_size=4))
@REAL
async def test_processes_at_once_never_admit_more_than_the_limit(
    valkey: redis.Redis, limit: int, sizes: list[int]
) -> None:
    tenant_id = new_id()
    windows = await asyncio.gather(
        *(
            limiter.admit(tenant_id, "requests", limit)
            for limiter, size in [(RateLimiter(valkey), size) for size in sizes]
            for _ in range(size)
        )
    )
    assert sum(window.granted for window in windows) == min(limit, sum(sizes))


@given(limit=st.integers(1, 300), sizes=st.lists(st.integers(1, 50), max_size=20))
@REAL
async def test_one_process_admits_exactly_the_limit(
    valkey: redis.Redis, limit: int, sizes: list[int]
) -> None:
    limiter, tenant_id, granted = RateLimiter(valkey), new_id(), 0
    for size in [*sizes, limit]:
        windows = await asyncio.gather(
            *(limiter.admit(tenant_id, "requests", limit) for _ in range(size))
        )
        granted += sum(window.granted for window in windows)
        assert granted == min(limit, granted)
    assert granted == limit
    assert await limiter.used(tenant_id, "requests", limit) == limit


async def test_what_remains_is_told_and_counts_down(
    limiter: RateLimiter, tenant: TestTenant
) -> None:
    told = [await limiter.admit(tenant.id, "requests", 5) for _ in range(7)]
    assert [window.granted for window in told] == [1] * 5 + [0] * 2
    assert [window.remaining for window in told] == [4, 3, 2, 1, 0, 0, 0]
    for window in told:
        _assert_plausible(window, 5)


async def test_a_busy_process_asks_seldom_and_counts_ahead_no_more_than_a_hundredth(
    valkey: redis.Redis, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, asked = RateLimiter(valkey), _count(monkeypatch)
    for n in range(1000):
        window = await limiter.admit(tenant.id, "requests", 6000)
        ahead = await _counted(valkey, tenant.id) - (n + 1)
        assert 0 <= ahead <= 60
        assert window.remaining == 6000 - (n + 1)
    assert len(asked) < 200


async def test_what_remains_is_told_anew_after_a_second(
    valkey: redis.Redis, tenant: TestTenant
) -> None:
    one, other = RateLimiter(valkey), RateLimiter(valkey)
    for _ in range(10):
        await one.admit(tenant.id, "requests", 1_000)
    lease = one._leases[(tenant.id, "requests")]
    assert lease.left > 1
    await other.spend(tenant.id, "requests", 500, 1_000)
    lease.looked -= 1
    window = await one.admit(tenant.id, "requests", 1_000)
    used = await other.used(tenant.id, "requests", 1_000)
    assert window == Window(1, 1_000, 1_000 - used + lease.left, window.reset)
    assert window.remaining < 500


async def test_what_remains_is_told_as_last_known_while_valkey_is_away(
    valkey: redis.Redis, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter = RateLimiter(valkey)
    await limiter.spend(tenant.id, "requests", 500, 1_000)
    for _ in range(10):
        before = await limiter.admit(tenant.id, "requests", 1_000)
    lease = limiter._leases[(tenant.id, "requests")]
    assert lease.left > 1
    lease.looked -= 1

    async def away(**_: object) -> None:
        raise redis.ConnectionError

    monkeypatch.setattr(limiter, "_spend", away)
    window = await limiter.admit(tenant.id, "requests", 1_000)
    assert (window.granted, window.remaining) == (1, before.remaining - 1)


async def test_a_tenant_that_has_used_up_its_limit_costs_nothing_more(
    valkey: redis.Redis, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    limiter, asked = RateLimiter(valkey), _count(monkeypatch)
    for _ in range(11):
        await limiter.admit(tenant.id, "requests", 10)
    asked.clear()
    windows = await asyncio.gather(*(limiter.admit(tenant.id, "requests", 10) for _ in range(2000)))
    assert not any(window.granted for window in windows)
    assert asked == []


async def test_a_changed_limit_counts_at_once(limiter: RateLimiter, tenant: TestTenant) -> None:
    for _ in range(6):
        last = await limiter.admit(tenant.id, "requests", 5)
    assert not last.granted
    raised = await limiter.admit(tenant.id, "requests", 8)
    assert (raised.granted, raised.remaining) == (1, 2)
    lowered = await limiter.admit(tenant.id, "requests", 3)
    assert (lowered.granted, lowered.remaining) == (0, 0)
    again = [await limiter.admit(tenant.id, "requests", 8) for _ in range(3)]
    assert [window.granted for window in again] == [1, 1, 0]


async def test_tenants_and_names_have_windows_of_their_own(
    limiter: RateLimiter, tenant: TestTenant
) -> None:
    for tenant_id, name in (
        (tenant.id, "requests"),
        (tenant.id, "messages"),
        (new_id(), "requests"),
    ):
        assert (await limiter.admit(tenant_id, name, 1)).granted
        assert not (await limiter.admit(tenant_id, name, 1)).granted


async def test_a_window_ends_for_every_process(valkey: redis.Redis, tenant: TestTenant) -> None:
    one, other = RateLimiter(valkey), RateLimiter(valkey)
    key = f"rate_limit:{tenant.id}:requests"
    for limiter in (one, other):
        await limiter.admit(tenant.id, "requests", 2)
        assert 0 < await valkey.pttl(key) <= 60_000
    await valkey.pexpire(key, 30)
    fresh = RateLimiter(valkey)
    refused = await fresh.admit(tenant.id, "requests", 2)
    assert not refused.granted
    assert refused.reset <= 0.03
    async with asyncio.timeout(10):
        while not (await fresh.admit(tenant.id, "requests", 2)).granted:
            await asyncio.sleep(0.01)
    assert await _counted(valkey, tenant.id) == 1


async def test_the_last_moment_of_a_window_is_no_error(
    valkey: redis.Redis, limiter: RateLimiter, tenant: TestTenant
) -> None:
    """Valkey keeps a key for one more millisecond in which it has 0 ms to live."""
    key = f"rate_limit:{tenant.id}:messages"
    for _ in range(30):
        await valkey.set(key, 5, px=4)
        counted = 5
        async with asyncio.timeout(10):
            while counted >= 5:
                window = await limiter.spend(tenant.id, "messages", 1, 1_000_000)
                assert window.reset > 0, "not counted"
                counted = window.limit - window.remaining
        await valkey.unlink(key)


async def test_what_is_spent_is_granted_as_far_as_it_goes(
    limiter: RateLimiter, tenant: TestTenant
) -> None:
    spent = [await limiter.spend(tenant.id, "messages", 4, 10) for _ in range(4)]
    assert [(window.granted, window.remaining) for window in spent] == [
        (4, 6),
        (4, 2),
        (2, 0),
        (0, 0),
    ]
    assert all(0 < window.reset <= 60 for window in spent)
    assert await limiter.used(tenant.id, "messages", 10) == 10


@given(limit=st.integers(1, 50), counts=st.lists(st.integers(0, 20), max_size=20))
@REAL
async def test_spending_at_once_over_processes_is_exact(
    valkey: redis.Redis, limit: int, counts: list[int]
) -> None:
    tenant_id = new_id()
    windows = await asyncio.gather(
        *(RateLimiter(valkey).spend(tenant_id, "messages", count, limit) for count in counts)
    )
    assert sum(window.granted for window in windows) == min(limit, sum(counts))


async def test_usage_is_told_by_name_and_never_above_the_limit(
    limiter: RateLimiter, tenant: TestTenant
) -> None:
    for name in ("requests", "messages", "webhooks"):
        assert await limiter.used(tenant.id, name, 10) == 0
    for _ in range(3):
        await limiter.admit(tenant.id, "requests", 10)
    await limiter.spend(tenant.id, "messages", 7, 10)
    assert await limiter.take(tenant.id, 5, 10) == 5
    assert await limiter.used(tenant.id, "requests", 10) == 3
    assert await limiter.used(tenant.id, "messages", 10) == 7
    assert await limiter.used(tenant.id, "webhooks", 10) == 5
    assert await limiter.used(tenant.id, "messages", 4) == 4
    assert await limiter.take(tenant.id, 9, 10) == 5  # Asking took none.


async def test_without_valkey_everybody_is_admitted(
    nobody: RateLimiter, tenant: TestTenant
) -> None:
    for _ in range(3):
        windows = await asyncio.gather(
            *(nobody.admit(tenant.id, "requests", 300) for _ in range(40))
        )
        assert all(window.granted for window in windows)
        assert all(0 <= window.remaining <= 300 for window in windows)
    assert (await nobody.spend(tenant.id, "messages", 7, 1)).granted == 7
    assert await nobody.take(tenant.id, 7, 1) == 7
    assert await nobody.used(tenant.id, "requests", 10) == 0


async def test_a_valkey_that_is_away_is_not_waited_for_by_every_request(
    nobody: RateLimiter, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, now = _count(monkeypatch), 1000.0
    monkeypatch.setattr("services.kit.ratelimit.time.monotonic", lambda: now)
    for second in range(1, 4):
        for _ in range(50):
            assert (await nobody.admit(tenant.id, "requests", 300)).granted
        assert len(asked) == second
        now += 1


async def test_a_caller_that_leaves_holds_nobody_up(
    limiter: RateLimiter, tenant: TestTenant
) -> None:
    asking = [asyncio.create_task(limiter.admit(tenant.id, "requests", 3)) for _ in range(3)]
    await asyncio.sleep(0)
    asking[0].cancel()
    assert all([(await one).granted for one in asking[1:]])
    assert limiter._waiting == {}


def _count(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The questions that limiters ask from now on."""
    asked: list[str] = []
    spend = RateLimiter.spend

    async def counting(self: RateLimiter, tenant_id: str, name: str, *more: int) -> Window:
        asked.append(tenant_id)
        return await spend(self, tenant_id, name, *more)

    monkeypatch.setattr(RateLimiter, "spend", counting)
    return asked


async def _counted(valkey: redis.Redis, tenant_id: str) -> int:
    return int(await valkey.get(f"rate_limit:{tenant_id}:requests") or 0)


async def test_who_comes_as_a_lease_has_just_been_made_and_used_waits_for_the_next(
    valkey: redis.Redis, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once, they asked a finished lease again and again without giving way to anybody."""
    limiter = RateLimiter(valkey)
    asked = 0
    came: list[asyncio.Task[Window]] = []

    async def spend(*_: object) -> Window:
        nonlocal asked
        asked += 1
        if asked == 1:
            # In line before whoever is told that the lease is there.
            came.extend(
                asyncio.create_task(limiter.admit(tenant.id, "requests", 100)) for _ in range(3)
            )
        return Window(1, 100, 50, 60.0)

    looked = 0

    def monotonic() -> float:
        nonlocal looked
        looked += 1
        assert looked < 1000, "it goes round and round"
        return 0.0

    monkeypatch.setattr(limiter, "spend", spend)
    monkeypatch.setattr("services.kit.ratelimit.time", SimpleNamespace(monotonic=monotonic))
    first = await limiter.admit(tenant.id, "requests", 100)
    assert {window.granted for window in (first, *await asyncio.gather(*came))} == {1}
    assert asked == 4
