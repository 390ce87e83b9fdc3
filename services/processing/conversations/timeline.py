"""Steps of a correlation, from what each service holds of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from malha.ingestion.v1.delivery_service_pb2 import Delivery, DeliveryStatus
from malha.ingestion.v1.webhook_event_pb2 import WebhookEvent, WebhookStatus
from malha.processing.v1.conversation_service_pb2 import TimelineEntry

Row = Mapping[str, Any]
_Step = tuple[datetime, str, str, str]

_VERDICTS = {
    WebhookStatus.WEBHOOK_STATUS_ACCEPTED: "webhook_accepted",
    WebhookStatus.WEBHOOK_STATUS_REJECTED: "webhook_rejected",
}
# Steps at the very same time are told in the order in which one follows from the other.
_ORDER = (
    "webhook_received",
    "webhook_accepted",
    "webhook_rejected",
    "message_stored",
    "turn_opened",
    "reply_ready",
    "reply_sent",
    "reply_delivered",
    "reply_read",
    "reply_failed",
)


def entries_of(
    webhooks: Sequence[WebhookEvent],
    messages: Sequence[Row],
    turns: Sequence[Row],
    deliveries: Mapping[str, Delivery],
) -> list[TimelineEntry]:
    """Every step, oldest first."""
    models = {turn["id"]: turn["model"] for turn in turns}
    steps = [
        *(step for event in webhooks for step in _of_webhook(event)),
        *(step for turn in turns for step in _of_turn(turn)),
        *(
            step
            for message in messages
            for step in _of_message(message, models, deliveries.get(message["id"]))
        ),
    ]
    return [
        TimelineEntry(time=time, step=step, subject_id=subject, detail=detail)
        for time, step, subject, detail in sorted(
            steps, key=lambda step: (step[0], _ORDER.index(step[1]))
        )
    ]


def _of_webhook(event: WebhookEvent) -> Iterator[_Step]:
    yield event.receive_time.ToDatetime(UTC), "webhook_received", event.id, event.kind
    if event.status in _VERDICTS:
        time = event.process_time if event.HasField("process_time") else event.receive_time
        yield time.ToDatetime(UTC), _VERDICTS[event.status], event.id, event.reason


def _of_turn(turn: Row) -> Iterator[_Step]:
    covers = f"{turn['flush_reason']}, {turn['messages']} message(s)"
    if turn["supersedes"]:
        covers += f", started again {turn['supersedes']} time(s)"
    yield turn["create_time"], "turn_opened", turn["id"], covers
    if turn["status"] == "failed" and turn["ready_time"] is None:
        yield turn["end_time"], "reply_failed", turn["id"], turn["failure_reason"]


def _of_message(
    message: Row, models: Mapping[str, str], delivery: Delivery | None
) -> Iterator[_Step]:
    id = message["id"]
    if message["author"] == "assistant":
        held = message["status"] == "cancelled"
        detail = message["failure_reason"] if held else models.get(message["turn_id"], "")
        yield message["create_time"], "reply_ready", id, detail
    else:
        yield message["create_time"], "message_stored", id, message["direction"]
    if message["direction"] == "inbound":
        return
    # Providers tell whole seconds, so what followed may seem to have come first.
    reached = message["create_time"]
    for step, detail in (
        ("sent", _attempts(delivery)),
        ("delivered", ""),
        ("read", ""),
        ("failed", message["failure_reason"]),
    ):
        if time := message[f"{step}_time"]:
            reached = max(reached, time)
            yield reached, f"reply_{step}", id, detail
    if delivery is not None and delivery.status == DeliveryStatus.DELIVERY_STATUS_UNKNOWN:
        yield reached, "reply_sent", id, f"unknown: {delivery.reason}"


def _attempts(delivery: Delivery | None) -> str:
    return f"{delivery.attempts} attempt(s)" if delivery and delivery.attempts > 1 else ""
