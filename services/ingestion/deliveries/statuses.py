"""Status callbacks: they move deliveries forward, whatever order they come in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from malha.ingestion.v1.events_pb2 import DeliveriesUpdated, DeliveryUpdate

from services.ingestion.channels.base import ExternalId, Progress, StatusUpdate
from services.ingestion.deliveries.model import Report, fold
from services.kit.db import Record, Transaction
from services.kit.sql import load_sql

sql = load_sql(__package__, "deliveries.sql")

TOLD_AT_ONCE = 1000
"""Updates of one event: the bus carries no more than so many bytes."""


async def apply_statuses(
    tx: Transaction, updates: Sequence[StatusUpdate], *, received: datetime
) -> list[str]:
    """Move the tenant's deliveries forward, and emit what moved.

    Gives the correlation of the delivery behind each update, '' where none is known (yet): such an
    update waits for its send. `received` stands in for a time the provider did not give.
    """
    reports = fold(updates, received)
    if not reports:
        return []
    if unnamed := [report.external_id for report in reports if report.message_id is None]:
        # Its send may be on its way to being recorded: one of the two must see the other.
        await tx.all(sql.lock_external_ids, unnamed)
    rows = await tx.all(
        sql.apply_reports,
        [report.external_id for report in reports],
        [report.message_id for report in reports],
        [report.part for report in reports],
        *_columns(reports),
    )
    correlations = {row["reported"]: row["correlation_id"] for row in rows}
    unknown = [report for report in reports if report.external_id not in correlations]
    if unknown:
        ids = [report.external_id for report in unknown]
        await tx.run(sql.park_statuses, ids, *_columns(unknown), received)
    _tell(tx, rows)
    return [correlations.get(update.external_id, "") for update in updates]


async def apply_parked(
    tx: Transaction, message_id: str, part: int, external_id: ExternalId, parked: Record
) -> None:
    """Move one delivery forward by what had been reported before its send was recorded."""
    report = Report(
        external_id=external_id,
        message_id=message_id,
        part=part,
        status=Progress(parked["status"]),
        reason=parked["reason"],
        times={
            progress: parked[f"{progress}_time"]
            for progress in Progress
            if parked[f"{progress}_time"] is not None
        },
    )
    rows = await tx.all(sql.apply_reports, [external_id], [message_id], [part], *_columns([report]))
    _tell(tx, rows)


def _tell(tx: Transaction, rows: Sequence[Record]) -> None:
    moved = [_moved(row) for row in rows if _is_news(row)]
    for start in range(0, len(moved), TOLD_AT_ONCE):
        tx.emit(DeliveriesUpdated(updates=moved[start : start + TOLD_AT_ONCE]))


def _columns(reports: Sequence[Report]) -> list[list[Any]]:
    return [
        [report.status.value for report in reports],
        [report.reason for report in reports],
        *(
            [report.time(progress) for report in reports]
            for progress in (Progress.SENT, Progress.DELIVERED, Progress.READ, Progress.FAILED)
        ),
    ]


def _is_news(row: Record) -> bool:
    # A message in parts is where its last part is, unless one before it failed.
    return bool(row["moved"] and (row["last"] or row["status"] == "DELIVERY_STATUS_FAILED"))


def _moved(row: Record) -> DeliveryUpdate:
    return DeliveryUpdate(
        message_id=row["message_id"],
        status=row["status"],
        external_id=row["external_id"],
        reason=row["reason"],
        update_time=row["update_time"],
    )
