"""What changes documents."""

from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub
from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.document_service_pb2 import CreateDocumentRequest, DeleteDocumentRequest
from malha.knowledge.v1.events_pb2 import DocumentCreated, DocumentDeleted

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.ids import new_id
from services.kit.sql import load_sql
from services.knowledge.documents.model import DocumentNotFound, Text
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
        row = await tx.one(
            sql.insert_document,
            new_id(),
            assistant.workspace_id,
            assistant.id,
            kept.title,
            kept.text,
            now,
        )
        document = Document(**row)
        tx.emit(DocumentCreated(document=document))
        tx.send(IndexDocument(document_id=document.id))
        tx.arm(TIMER, document.id, now + resend_delay(0))
    return document


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
