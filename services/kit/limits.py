"""What a tenant's plan permits, as every service sees it, and how a limit is kept."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from malha.crm.v1.plan_pb2 import PlanLimits

from services.kit.db import Transaction
from services.kit.errors import FailedPrecondition


class PlanLimitReached(FailedPrecondition):
    """The plan permits {limit} ({what}), and {used} are used."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of malha.crm.v1.PlanLimits. 0 is no limit: Malha's own services have none."""

    requests_per_minute: int = 0
    webhooks_per_minute: int = 0
    messages_per_minute: int = 0
    assistants: int = 0
    connections: int = 0
    knowledge_bytes: int = 0
    seats: int = 0
    api_keys: int = 0
    workspaces: int = 0

    @classmethod
    def of(cls, limits: PlanLimits) -> Limits:
        return cls(**{field.name: int(getattr(limits, field.name)) for field in fields(cls)})


UNLIMITED = Limits()


async def keep_within(
    tx: Transaction, what: str, limit: int, count: str, *args: Any, more: int = 1
) -> None:
    """Raise PlanLimitReached unless `more` of something still fit; `count` is the query of those.

    The tenant's transactions that add to the same thing go one after the other from here on, or two
    of them would both see the last free place.
    """
    if not limit:
        return
    await tx.serialize(what)
    used = int(await tx.value(count, *args) or 0)
    if used + more > limit:
        raise PlanLimitReached(what=what, limit=limit, used=used)
