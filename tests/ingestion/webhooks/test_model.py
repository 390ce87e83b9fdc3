"""The rules alone."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingestion.webhooks.model import Allowance, Facts, Floods, Reason, verdict

# In the order of the checks: each fact, and the reason when it does not hold.
ORDER = [
    ("connection_active", Reason.CONNECTION_PAUSED),
    ("tenant_active", Reason.TENANT_SUSPENDED),
    ("within_rate", Reason.RATE_LIMITED),
    ("readable", Reason.ITEM_UNREADABLE),
    ("supported", Reason.TYPE_UNSUPPORTED),
    ("routed", Reason.ROUTE_NOT_FOUND),
]


def test_all_checks_passed_is_no_reason() -> None:
    assert verdict(Facts()) is None


@pytest.mark.parametrize(("fact", "reason"), ORDER)
def test_each_check_has_its_reason(fact: str, reason: Reason) -> None:
    assert verdict(replace(Facts(), **{fact: False})) is reason


@given(st.lists(st.booleans(), min_size=len(ORDER), max_size=len(ORDER)))
def test_the_first_failing_check_gives_the_reason(holds: list[bool]) -> None:
    facts = Facts(**{name: held for (name, _), held in zip(ORDER, holds, strict=True)})
    failing = [reason for (_, reason), held in zip(ORDER, holds, strict=True) if not held]
    assert verdict(facts) is (failing[0] if failing else None)


def test_every_fact_is_checked() -> None:
    assert [field.name for field in fields(Facts)] == [name for name, _ in ORDER]


@given(st.lists(st.floats(0, 50), max_size=60))
def test_an_allowance_never_exceeds_its_burst_and_pace(pauses: list[float]) -> None:
    allowance = Allowance(burst=3, per_second=0.5)
    now, admitted = 1_000.0, 0
    for pause in pauses:
        now += pause
        admitted += allowance.take(now)
    assert admitted <= 3 + 0.5 * (now - 1_000.0) + 1e-6


def test_an_allowance_refills_while_nothing_is_taken() -> None:
    allowance = Allowance(burst=2, per_second=1)
    assert [allowance.take(10.0) for _ in range(3)] == [True, True, False]
    assert allowance.take(11.0)
    assert [allowance.take(99.0) for _ in range(3)] == [True, True, False]


def test_a_flood_at_one_connection_leaves_the_others_their_allowance() -> None:
    floods = Floods()
    assert sum(floods.admits_refused("a", 0.0) for _ in range(1_000)) == 200
    assert floods.admits_refused("b", 0.0)
    assert sum(floods.admits_unrouted(0.0) for _ in range(1_000)) == 100
