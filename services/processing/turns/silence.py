"""Nobody is answered for a tenant that is not served: what it collected waits."""

from __future__ import annotations

from datetime import datetime

from malha.processing.v1.events_pb2 import MessageStatusChanged

from services.kit.call import Call
from services.kit.db import Transaction
from services.kit.errors import AppError, NotFound
from services.kit.log import get_logger
from services.kit.sql import load_sql
from services.kit.tenants import Tenants
from services.processing.records import message_status
from services.processing.telemetry import turns_ended

log = get_logger(__name__)
sql = load_sql(__package__, "turns.sql")

REASON = "TENANT_SUSPENDED"


async def may_speak(call: Call, tenants: Tenants) -> bool:
    """Whether the call's tenant is served, as far as anybody knows.

    Where nobody does, crm is away: that must not cut businesses off from their customers.
    """
    try:
        return await tenants.is_served(call)
    except NotFound:
        return False
    except AppError as error:
        log.warning("tenant not known", reason=error.reason)
        return True


async def put_back(
    tx: Transaction, turn_id: str, now: datetime, *, reply_id: str | None = None
) -> bool:
    """End a turn unanswered, so that what it collected waits again; only with this reply, if given.

    The caller holds the conversation's lock. Returns whether there was such a turn, unanswered.
    """
    ended = await tx.maybe(sql.put_back, turn_id, reply_id, REASON, now)
    if ended is None:
        return False
    turns_ended.labels("cancelled").inc()
    log.info("turn put back", turn=turn_id, reason=REASON)
    if ended["cancelled_id"] is not None:
        tx.emit(
            MessageStatusChanged(
                message_id=ended["cancelled_id"],
                conversation_id=ended["conversation_id"],
                status=message_status("cancelled"),
                failure_reason=REASON,
            )
        )
    return True
