"""Keeping how indexing ended, and telling everyone."""

from __future__ import annotations

from datetime import datetime

from malha.knowledge.v1.events_pb2 import DocumentIndexed

from services.kit.db import Transaction
from services.kit.sql import load_sql
from services.knowledge.documents.model import document_of
from services.knowledge.indexing.model import TIMER, Outcome

sql = load_sql(__package__, "indexing.sql")


async def record(
    tx: Transaction, document_id: str, revision: int, outcome: Outcome, now: datetime
) -> None:
    """Keep how indexing a revision ended; a document that has changed since waits for its own."""
    row = await tx.maybe(
        sql.record_outcome,
        document_id,
        revision,
        outcome.status,
        outcome.failure_reason,
        outcome.passage_count,
        outcome.fingerprint,
        now,
    )
    if row is not None:
        tx.disarm(TIMER, document_id)
        tx.emit(DocumentIndexed(document=document_of(row)))
