"""What documents react to."""

from malha.assistants.v1.events_pb2 import AssistantDeleted
from malha.knowledge.v1.events_pb2 import DocumentDeleted

from services.kit.call import Call
from services.kit.context import on
from services.kit.sql import load_sql
from services.knowledge.indexing.model import TIMER

sql = load_sql(__package__, "documents.sql")


@on(AssistantDeleted)
async def delete_documents(call: Call, event: AssistantDeleted) -> None:
    """Delete everything that a deleted assistant knew."""
    async with call.transaction() as tx:
        for row in await tx.all(sql.delete_documents, event.assistant_id):
            tx.disarm(TIMER, row["id"])
            tx.emit(DocumentDeleted(document_id=row["id"], assistant_id=event.assistant_id))
