"""What changes documents."""

from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import DOCUMENT_STATUS_FAILED, Document
from malha.knowledge.v1.document_service_pb2 import (
    CreateDocumentRequest,
    DeleteDocumentRequest,
    UpdateDocumentRequest,
)
from malha.knowledge.v1.events_pb2 import DocumentCreated, DocumentDeleted

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.etags import require_etag
from services.kit.ids import new_id
from services.kit.limits import keep_within
from services.kit.sql import load_sql
from services.knowledge.documents.model import SIZE, Change, DocumentNotFound, Text, document_of
from services.knowledge.indexing.model import TIMER, resend_delay

sql = load_sql(__package__, "documents.sql")


async def create_document(call: Call, request: CreateDocumentRequest, *, clock: Clock) -> Document:
    """Keep a text and have it indexed."""
    kept = Text.requested(request)
    # Its refusal, ASSISTANT_NOT_FOUND, is ours too.
    assistant = await call.stub(AssistantServiceStub).GetAssistant(
        GetAssistantRequest(id=request.assistant_id)
    )
    now = clock.now()
    async with call.transaction() as tx:
        await keep_within(tx, SIZE, call.limits.knowledge_bytes, sql.measure, more=kept.size)
        row = await tx.one(
            sql.insert_document,
            new_id(),
            assistant.workspace_id,
            assistant.id,
            kept.title,
            kept.text,
            now,
        )
        document = document_of(row)
        tx.emit(DocumentCreated(document=document))
        tx.send(IndexDocument(document_id=document.id))
        tx.arm(TIMER, document.id, now + resend_delay(0))
    return document


async def update_document(call: Call, request: UpdateDocumentRequest, *, clock: Clock) -> Document:
    """Change a title or a text and have them indexed; until then the passages of before are found.

    What changes nothing is not indexed again, unless it failed: then the same text is a new try.
    Raises EtagMismatch when the request names a version and another one is current.
    """
    change = Change.requested(request)
    now = clock.now()
    async with call.transaction() as tx:
        row = await tx.one(
            sql.lock_document,
            request.id,
            call.workspace_id,
            missing=DocumentNotFound(id=request.id),
        )
        before = Text(row["title"], row["text"])
        current = document_of({name: value for name, value in row.items() if name != "text"})
        require_etag(request, current)
        wanted = change.made_to(before)
        tried_again = change.text is not None and current.status == DOCUMENT_STATUS_FAILED
        if wanted == before and not tried_again:
            return current
        more = wanted.size - before.size
        if more > 0:  # Who has too much since the plan changed may still shorten.
            await keep_within(tx, SIZE, call.limits.knowledge_bytes, sql.measure, more=more)
        row = await tx.one(
            sql.update_document,
            request.id,
            wanted.title,
            wanted.text,
            row["update_time"] if wanted == before else now,
        )
        tx.send(IndexDocument(document_id=request.id))
        tx.arm(TIMER, request.id, now + resend_delay(0))
    return document_of(row)


async def delete_document(call: Call, request: DeleteDocumentRequest) -> Empty:
    """Delete a document; its passages go in the same commit."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.delete_document,
            request.id,
            call.workspace_id,
            missing=DocumentNotFound(id=request.id),
        )
        tx.disarm(TIMER, request.id)
        tx.emit(DocumentDeleted(document_id=request.id, assistant_id=row["assistant_id"]))
    return Empty()
