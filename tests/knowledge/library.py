"""Documents for tests, added as a partner would."""

from __future__ import annotations

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import GetAssistantRequest
from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.document_service_pb2 import (
    CreateDocumentRequest,
    GetDocumentRequest,
    UpdateDocumentRequest,
)

from services.kit.ai import Embedder
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.errors import NotFound
from services.kit.ids import new_id
from services.kit.limits import UNLIMITED, Limits
from services.kit.testing import FakePeers, partner_call
from services.knowledge.documents.commands import create_document, update_document
from services.knowledge.documents.queries import get_document
from services.knowledge.indexing.commands import index_document
from services.knowledge.stores import VectorStore

TEXT = "Aceitamos Pix, cartão e boleto. O boleto vence em 3 dias e o Pix é aprovado na hora."


def assistants_of(workspace_id: str) -> FakePeers:
    """An assistants service where every id is an assistant of this workspace."""

    async def get_assistant(request: GetAssistantRequest) -> Assistant:
        return Assistant(id=request.id, workspace_id=workspace_id)

    return FakePeers({"AssistantService.GetAssistant": get_assistant})


def no_assistants() -> FakePeers:
    """An assistants service where no id is one of the caller's."""

    async def refuse(request: GetAssistantRequest) -> Assistant:
        error = NotFound()
        error.reason = "ASSISTANT_NOT_FOUND"
        raise error

    return FakePeers({"AssistantService.GetAssistant": refuse})


def partner(
    call: Call,
    workspace_id: str = "",
    peers: FakePeers | None = None,
    limits: Limits = UNLIMITED,
) -> Call:
    """A partner of the call's tenant."""
    workspace_id = workspace_id or new_id()
    return partner_call(
        call._database,
        tenant_id=call.tenant_id,
        workspace_id=workspace_id,
        peers=peers or assistants_of(workspace_id),
        limits=limits,
    )


async def add_document(
    call: Call, title: str = "Formas de pagamento", text: str = TEXT, *, assistant_id: str = ""
) -> Document:
    """A document of the call's tenant, not indexed yet."""
    return await create_document(
        call if call.actor.kind == "api_key" else partner(call),
        CreateDocumentRequest(assistant_id=assistant_id or new_id(), title=title, text=text),
        clock=Clock(),
    )


async def change(call: Call, document: Document, **fields: str) -> Document:
    """Update a document with these fields."""
    request = UpdateDocumentRequest(id=document.id, **fields)
    return await update_document(call, request, clock=Clock())


async def index(call: Call, document: Document, embedder: Embedder, store: VectorStore) -> None:
    """What the worker does when it is asked to index the document."""
    command = IndexDocument(document_id=document.id)
    await index_document(call, command, embedder=embedder, store=store, clock=Clock())


async def read(call: Call, document: Document) -> Document:
    """The document as it is now."""
    return await get_document(call, GetDocumentRequest(id=document.id))
