"""What must go on although a bus message was lost."""

from datetime import datetime, timedelta

from malha.ingestion.v1.commands_pb2 import DeliverMessage

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import on_timer
from services.kit.sql import load_sql
from services.processing.records import protocol_message_of

sql = load_sql(__package__, "conversations.sql")

_SHORTEST = timedelta(seconds=60)


@on_timer("message")
async def ask_delivery_again(call: Call, message_id: str, *, clock: Clock) -> None:
    """Ask again to deliver a message of the business, until somebody reports on it."""
    now = clock.now()
    async with call.transaction() as tx:
        row = await tx.maybe(sql.outbound_waiting, message_id)
        if row is None:
            tx.disarm("message", message_id)
            return
        tx.send(
            DeliverMessage(message=protocol_message_of(row)),
            key=row["conversation_id"],
            correlation_id=row["correlation_id"],
        )
        tx.arm("message", message_id, _next_check(row["create_time"], now))


def _next_check(created: datetime, now: datetime) -> datetime:
    # As long again as it has waited already.
    return now + max(_SHORTEST, now - created)
