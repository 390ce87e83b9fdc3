"""What others tell that turns depend on: deliveries, and changes of assistants."""

from collections.abc import Sequence
from datetime import UTC, datetime

from malha.assistants.v1.events_pb2 import AssistantDeleted, AssistantUpdated
from malha.ingestion.v1.events_pb2 import DeliveriesUpdated, DeliveryUpdate
from malha.processing.v1.events_pb2 import MessageStatusChanged, TurnFailed

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import hear, on
from services.kit.sql import load_sql
from services.processing.assistants import Assistants
from services.processing.conversations.handover import hand_back
from services.processing.records import message_status, turn_of
from services.processing.settings import ProcessingSettings
from services.processing.telemetry import turns_ended
from services.processing.timers import BufferTimers, Place
from services.processing.turns.model import NEWS, settles

sql = load_sql(__package__, "turns.sql")


@on(DeliveriesUpdated)
async def apply_deliveries(
    call: Call,
    event: DeliveriesUpdated,
    *,
    timers: BufferTimers,
    clock: Clock,
    settings: ProcessingSettings,
) -> None:
    """Move messages forward to where their deliveries are, and end the turns they answer."""
    news = [update for update in event.updates if update.status in NEWS]
    if not news:
        return
    now = clock.now()
    withheld = [update.message_id for update in news if NEWS[update.status] == "cancelled"]
    async with call.transaction() as tx:
        # What a withheld reply should have answered may have to wait again; whoever changes what
        # waits locks the conversation first.
        held = await tx.all(sql.lock_conversations_of, withheld) if withheld else []
        given_back = {row["id"]: row for row in held if row["handler"] == "assistant"}
        moved = [
            row
            for row in await tx.all(sql.move_messages, *_columns(news, now))
            if row["status"] != row["was"]
        ]
        for row in moved:
            tx.emit(
                MessageStatusChanged(
                    message_id=row["id"],
                    conversation_id=row["conversation_id"],
                    status=message_status(row["status"]),
                    failure_reason=row["failure_reason"],
                ),
                correlation_id=row["correlation_id"],
            )
        settled = [
            row["id"] for row in moved if row["turn_id"] and settles(row["was"], row["status"])
        ]
        if not settled:
            return
        for turn in await tx.all(sql.settle_turns, settled, now):
            turns_ended.labels(turn["status"]).inc()
            if turn["status"] == "failed":
                tx.emit(TurnFailed(turn=turn_of(turn)), correlation_id=turn["correlation_id"])
            if turn["failure_reason"] == "PERSON_TOOK_OVER" and (
                conversation := given_back.get(turn["conversation_id"])
            ):
                # The person for whom it was withheld has handed back meanwhile.
                place = Place(call.tenant_id, conversation["workspace_id"], conversation["id"])
                assistant_id = conversation["assistant_id"]
                await hand_back(tx, place, assistant_id, timers, now, settings)
            if turn["was"] == "ready" and turn["due_time"] is not None:
                place = Place(call.tenant_id, call.workspace_id, turn["conversation_id"])
                tx.after_commit(lambda place=place: timers.wake(place, now))  # type: ignore[misc]


@on(AssistantUpdated)
async def drop_updated_assistant(
    call: Call, event: AssistantUpdated, *, assistants: Assistants
) -> None:
    """Forget for all processes what an assistant was like."""
    await assistants.drop(call.tenant_id, event.assistant.id)
    assistants.hear(call.tenant_id, event.assistant)


@on(AssistantDeleted)
async def drop_deleted_assistant(
    call: Call, event: AssistantDeleted, *, assistants: Assistants
) -> None:
    """Forget for all processes an assistant that is gone."""
    await assistants.drop(call.tenant_id, event.assistant_id)


@hear(AssistantUpdated)
async def hear_updated_assistant(
    call: Call, event: AssistantUpdated, *, assistants: Assistants
) -> None:
    """Answer as the changed assistant from now on, in every process."""
    assistants.hear(call.tenant_id, event.assistant)


@hear(AssistantDeleted)
async def hear_deleted_assistant(
    call: Call, event: AssistantDeleted, *, assistants: Assistants
) -> None:
    """Ask again about an assistant that is gone, in every process."""
    assistants.forget(call.tenant_id, event.assistant_id)


def _columns(news: Sequence[DeliveryUpdate], now: datetime) -> tuple[list[object], ...]:
    return (
        [update.message_id for update in news],
        [NEWS[update.status] for update in news],
        [update.external_id for update in news],
        [update.reason for update in news],
        [
            update.update_time.ToDatetime(UTC) if update.HasField("update_time") else now
            for update in news
        ],
    )
