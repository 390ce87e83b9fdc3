"""What each plan permits, and what may be asked of a tenant."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any
from zoneinfo import available_timezones

from malha.crm.v1.plan_pb2 import Plan, PlanLimits
from malha.crm.v1.tenant_pb2 import Tenant, TenantStatus

from services.kit.errors import AlreadyExists, FailedPrecondition, InvalidRequest, NotFound
from services.kit.etags import with_etag
from services.kit.rows import from_row

_MB = 1 << 20

# The smallest first.
_PLANS = (
    Plan(
        slug="free",
        limits=PlanLimits(
            requests_per_minute=300,
            webhooks_per_minute=600,
            messages_per_minute=60,
            assistants=3,
            connections=2,
            knowledge_bytes=5 * _MB,
            seats=3,
            api_keys=5,
            workspaces=1,
        ),
    ),
    Plan(
        slug="pro",
        limits=PlanLimits(
            requests_per_minute=6_000,
            webhooks_per_minute=60_000,
            messages_per_minute=1_200,
            assistants=50,
            connections=25,
            knowledge_bytes=500 * _MB,
            seats=50,
            api_keys=50,
            workspaces=10,
        ),
    ),
    Plan(
        slug="scale",
        limits=PlanLimits(
            requests_per_minute=1_200_000,
            webhooks_per_minute=1_200_000,
            messages_per_minute=120_000,
            assistants=1_000,
            connections=1_000,
            knowledge_bytes=20_000 * _MB,
            seats=1_000,
            api_keys=1_000,
            workspaces=200,
        ),
    ),
)
PLANS: Mapping[str, Plan] = {plan.slug: plan for plan in _PLANS}
DEFAULT_PLAN = "free"


class TenantNotFound(NotFound):
    """No tenant has the id {id}."""


class EmailAlreadyRegistered(AlreadyExists):
    """The e-mail address is registered already."""


class ConfirmationWrong(FailedPrecondition):
    """The name sent to confirm the deletion is not the tenant's."""


class TenantNotDeleted(FailedPrecondition):
    """The tenant is not being deleted, or its time of grace is over."""


def plan_named(slug: str) -> Plan:
    """A plan by its slug. Raises InvalidRequest, which names the field."""
    plan = PLANS.get(slug)
    if plan is None:
        raise InvalidRequest([("plan", f"must be one of {', '.join(PLANS)}")])
    return plan


def limits_of(slug: str, webhooks_per_minute: int) -> PlanLimits:
    """What a tenant may do: its plan's limits, with the webhooks that were agreed on with it."""
    limits = PlanLimits()
    limits.CopyFrom(PLANS.get(slug, PLANS[DEFAULT_PLAN]).limits)
    limits.webhooks_per_minute = webhooks_per_minute
    return limits


def tenant_of(row: Mapping[str, Any]) -> Tenant:
    """A tenant as everybody sees it."""
    limits = limits_of(row["plan"], row["webhooks_per_minute"])
    return with_etag(from_row(Tenant, row, limits=limits))


def status_text(status: TenantStatus) -> str:
    """A status as the record of changes names it: active, suspended, deleted."""
    return TenantStatus.Name(status).removeprefix("TENANT_STATUS_").lower()


class TimeZoneNotFound(NotFound):
    """There is no such time zone."""

    def violations(self) -> Iterable[tuple[str, str]]:
        return (("time_zone", "must be an IANA time zone, e.g. America/Sao_Paulo"),)


def require_time_zone(name: str) -> None:
    """Raise TimeZoneNotFound unless there is such a time zone."""
    if name not in _time_zones():
        raise TimeZoneNotFound


@lru_cache(maxsize=1)
def _time_zones() -> frozenset[str]:
    # Reads some 600 files: once. Two of them are no places, but what a computer is set to.
    return frozenset(available_timezones() - {"localtime", "Factory"})
