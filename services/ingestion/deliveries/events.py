"""What deliveries do when their time has come, or their connection is gone."""

from malha.ingestion.v1.events_pb2 import ConnectionDeleted, DeliveriesUpdated, DeliveryUpdate

from services.ingestion.deliveries.commands import RESUME_AFTER, TIMER, lease, release, send_again
from services.ingestion.settings import IngestionSettings
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import on, on_timer
from services.kit.log import get_logger
from services.kit.sql import load_sql

log = get_logger(__name__)
sql = load_sql(__package__, "deliveries.sql")

_FAILED_AT_ONCE = 100


@on_timer(TIMER)
async def resume_delivery(
    call: Call, message_id: str, *, clock: Clock, settings: IngestionSettings
) -> None:
    """Go on with a message: give up on an answer nobody waits for, send what is due.

    A send that was under way when its process died is never repeated: it becomes unknown, until a
    status callback settles it.
    """
    now = clock.now()
    async with call.transaction() as tx:
        lane = await tx.value(sql.lane_of, message_id)
        if lane is None:
            tx.disarm(TIMER, message_id)
            return
        await tx.value(sql.lock_lane, lane)
        expired = await tx.maybe(sql.expire_sending, message_id, now - lease(settings))
        if expired is not None:
            tx.emit(
                DeliveriesUpdated(
                    updates=[
                        DeliveryUpdate(
                            message_id=message_id,
                            status="DELIVERY_STATUS_UNKNOWN",
                            reason="NO_ANSWER",
                            update_time=now,
                        )
                    ]
                ),
                correlation_id=expired["correlation_id"],
            )
        left = await tx.maybe(sql.unfinished_part, message_id)
        if left is None:
            tx.disarm(TIMER, message_id)
            await release(tx, lane, now)
        elif left["sending"]:
            tx.arm(TIMER, message_id, left["attempt_time"] + lease(settings))
        elif left["due_time"] > now:
            tx.arm(TIMER, message_id, left["due_time"])
        else:
            send_again(tx, left)
            tx.arm(TIMER, message_id, now + RESUME_AFTER)
    if expired is not None:
        log.warning("delivery unknown", message=message_id, reason="NO_ANSWER")


@on(ConnectionDeleted)
async def fail_waiting_deliveries(call: Call, event: ConnectionDeleted, *, clock: Clock) -> None:
    """Fail what still waits to be sent by a deleted connection, instead of when its time comes."""
    more = True
    while more:
        async with call.transaction() as tx:
            waiting = await tx.all(sql.waiting_for_connection, event.connection.id, _FAILED_AT_ONCE)
            more = len(waiting) == _FAILED_AT_ONCE
            await tx.all(sql.lock_lanes, [row["lane"] for row in waiting])
            # Their timers stay: each finds nothing to do.
            now = clock.now()
            ended = await tx.all(
                sql.fail_waiting,
                [row["message_id"] for row in waiting],
                "CONNECTION_NOT_FOUND",
                now,
            )
            for row in ended:
                update = DeliveryUpdate(
                    message_id=row["message_id"],
                    status="DELIVERY_STATUS_FAILED",
                    reason="CONNECTION_NOT_FOUND",
                    update_time=now,
                )
                tx.emit(DeliveriesUpdated(updates=[update]), correlation_id=row["correlation_id"])
        if ended:
            log.info("deliveries failed with their connection", messages=len(ended))
