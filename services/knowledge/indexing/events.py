"""What makes sure that every document is indexed, even if the bus loses the command."""

from malha.knowledge.v1.commands_pb2 import IndexDocument

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.context import on_timer
from services.kit.sql import load_sql
from services.knowledge.indexing.model import (
    MAX_RESENDS,
    NEVER_FINISHED,
    TIMER,
    Outcome,
    resend_delay,
)
from services.knowledge.indexing.outcomes import record

sql = load_sql(__package__, "indexing.sql")


@on_timer(TIMER)
async def ask_again(call: Call, document_id: str, *, clock: Clock) -> None:
    """Send the command once more, or give up where it has been sent often enough."""
    async with call.transaction() as tx:
        waiting = await tx.maybe(sql.count_resend, document_id)
        if waiting is None:
            tx.disarm(TIMER, document_id)  # Indexed, failed or deleted meanwhile.
        elif waiting["resends"] <= MAX_RESENDS:
            tx.send(IndexDocument(document_id=document_id))
            tx.arm(TIMER, document_id, clock.now() + resend_delay(waiting["resends"]))
        else:
            given_up = Outcome.failed(NEVER_FINISHED)
            await record(tx, document_id, waiting["revision"], given_up, clock.now())
