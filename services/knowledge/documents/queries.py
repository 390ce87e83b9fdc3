"""What is read of documents."""

from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.document_service_pb2 import (
    DocumentText,
    GetDocumentRequest,
    GetDocumentTextRequest,
    ListDocumentsRequest,
    ListDocumentsResponse,
    MeasureKnowledgeRequest,
    MeasureKnowledgeResponse,
)

from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql
from services.knowledge.documents.model import DocumentNotFound, document_of

sql = load_sql(__package__, "documents.sql")


async def list_documents(call: Call, request: ListDocumentsRequest) -> ListDocumentsResponse:
    """Documents of the caller's workspace, newest first unless asked otherwise."""
    page = Page.of(request, call)
    rows = await call.all(
        page.directed(sql.list_documents),
        call.workspace_id,
        request.assistant_id or None,
        request.status,
        request.title,
        page.after,
        page.limit,
    )
    shown, next_page_token = page.cut(rows, by="id")
    return ListDocumentsResponse(
        documents=[document_of(row) for row in shown], next_page_token=next_page_token
    )


async def get_document(call: Call, request: GetDocumentRequest) -> Document:
    """One document of the caller's workspace."""
    row = await call.one(
        sql.get_document,
        request.id,
        call.workspace_id,
        missing=DocumentNotFound(id=request.id),
    )
    return document_of(row)


async def get_document_text(call: Call, request: GetDocumentTextRequest) -> DocumentText:
    """What a document of the caller's workspace says."""
    row = await call.one(
        sql.get_document_text,
        request.id,
        call.workspace_id,
        missing=DocumentNotFound(id=request.id),
    )
    return DocumentText(**row)


async def measure_knowledge(
    call: Call, _request: MeasureKnowledgeRequest
) -> MeasureKnowledgeResponse:
    """How much the tenant's assistants know, in all its workspaces."""
    return MeasureKnowledgeResponse(**await call.one(sql.measure))
