"""What each plan permits."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Plan:
    """A plan and its limits."""

    slug: str
    webhooks_per_minute: int


PLANS = {
    plan.slug: plan
    for plan in (
        Plan("free", webhooks_per_minute=600),
        Plan("pro", webhooks_per_minute=60_000),
        Plan("scale", webhooks_per_minute=1_200_000),
    )
}
DEFAULT_PLAN = "free"
