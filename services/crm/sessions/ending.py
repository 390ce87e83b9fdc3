"""A person's sessions, ended in the transaction that gives the reason."""

from __future__ import annotations

from malha.crm.v1.events_pb2 import AccessChanged

from services.kit.db import Transaction
from services.kit.sql import load_sql

sql = load_sql(__package__, "sessions.sql")


async def end_sessions(tx: Transaction, user_id: str, keep: str = "") -> list[str]:
    """End every session of a person but one, everywhere within a second. The ids of the ended."""
    rows = await tx.all(sql.end_sessions, user_id, keep or None)
    ended = [row["id"] for row in rows]
    if ended:
        tx.emit(AccessChanged(credential_ids=ended))
    return ended


async def live_sessions(tx: Transaction, user_id: str) -> list[str]:
    """The ids of a person's sessions that are not over."""
    return [row["id"] for row in await tx.all(sql.live_sessions, user_id)]
