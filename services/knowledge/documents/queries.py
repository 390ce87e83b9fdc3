"""What is read of documents."""

from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.document_service_pb2 import (
    GetDocumentRequest,
    ListDocumentsRequest,
    ListDocumentsResponse,
)

from services.kit.call import Call
from services.kit.pages import Page
from services.kit.sql import load_sql
from services.knowledge.documents.model import DocumentNotFound

sql = load_sql(__package__, "documents.sql")


async def list_documents(call: Call, request: ListDocumentsRequest) -> ListDocumentsResponse:
    """Documents of the caller's workspace, newest first."""
    page = Page.of(request)
    async with call.transaction() as tx:
        rows = await tx.all(
            sql.list_documents,
            call.workspace_id,
            request.assistant_id or None,
            page.after,
            page.limit,
        )
    shown, next_page_token = page.cut(rows, by="id")
    return ListDocumentsResponse(
        documents=[Document(**row) for row in shown], next_page_token=next_page_token
    )


async def get_document(call: Call, request: GetDocumentRequest) -> Document:
    """One document of the caller's workspace."""
    async with call.transaction() as tx:
        row = await tx.one(
            sql.get_document,
            request.id,
            call.workspace_id,
            missing=DocumentNotFound(id=request.id),
        )
    return Document(**row)
