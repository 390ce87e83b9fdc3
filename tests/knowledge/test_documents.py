"""Documents: kept clean, seen by their workspace only, gone with their assistant."""

from __future__ import annotations

import pytest
from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.events_pb2 import AssistantDeleted
from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import DOCUMENT_STATUS_QUEUED, Document
from malha.knowledge.v1.document_service_pb2 import (
    CreateDocumentRequest,
    DeleteDocumentRequest,
    GetDocumentRequest,
    ListDocumentsRequest,
)
from malha.knowledge.v1.events_pb2 import DocumentCreated, DocumentDeleted

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.errors import NotFound
from services.kit.ids import new_id
from services.knowledge.documents.commands import create_document, delete_document
from services.knowledge.documents.events import delete_documents
from services.knowledge.documents.model import DocumentBlank, DocumentNotFound
from services.knowledge.documents.queries import get_document, list_documents
from tests.knowledge.conftest import Emitted
from tests.knowledge.library import TEXT, add_document, no_assistants, partner


async def test_a_new_document_waits_to_be_indexed(call: Call, emitted: Emitted) -> None:
    mine = partner(call)
    document = await add_document(mine, "Pagamento", TEXT)
    assert document.status == DOCUMENT_STATUS_QUEUED
    assert document.workspace_id == mine.workspace_id
    assert document.length == len(TEXT)
    assert await get_document(mine, GetDocumentRequest(id=document.id)) == document
    assert await emitted(call, DocumentCreated) == [DocumentCreated(document=document)]
    assert await emitted(call, IndexDocument) == [IndexDocument(document_id=document.id)]


async def test_what_no_reader_sees_is_not_kept(call: Call) -> None:
    document = await add_document(
        call, " Tro\u200bcas\n", "\u202eTexto\u0000 com\u2066 segredos\ufeff "
    )
    assert document.title == "Trocas"
    assert document.length == len("Texto com segredos")


@pytest.mark.parametrize(("title", "text"), [("\u200b", "Texto"), ("Título", " \n\u202e\x00 ")])
async def test_what_is_blank_to_a_reader_is_refused(call: Call, title: str, text: str) -> None:
    with pytest.raises(DocumentBlank) as refusal:
        await add_document(call, title, text)
    [(field, _)] = refusal.value.violations()
    assert field == ("text" if title == "Título" else "title")


async def test_an_unknown_assistant_is_refused_with_the_peers_own_reason(
    call: Call, emitted: Emitted
) -> None:
    mine = partner(call, peers=no_assistants())
    request = CreateDocumentRequest(assistant_id=new_id(), title="Título", text="Texto")
    with pytest.raises(NotFound) as refusal:
        await create_document(mine, request, clock=Clock())
    assert refusal.value.reason == "ASSISTANT_NOT_FOUND"
    assert (await list_documents(mine, ListDocumentsRequest())).documents == []
    assert await emitted(call, IndexDocument) == []


async def test_a_list_shows_the_newest_first_page_by_page(call: Call) -> None:
    mine = partner(call)
    added = [await add_document(mine, f"Documento {number}") for number in range(5)]
    shown: list[Document] = []
    token = ""
    for _ in range(3):
        page = await list_documents(mine, ListDocumentsRequest(page_size=2, page_token=token))
        shown += page.documents
        token = page.next_page_token
    assert [one.title for one in shown] == [one.title for one in reversed(added)]
    assert token == ""


async def test_a_list_can_be_narrowed_to_an_assistant(call: Call) -> None:
    mine = partner(call)
    await add_document(mine)
    wanted = await add_document(mine)
    page = await list_documents(mine, ListDocumentsRequest(assistant_id=wanted.assistant_id))
    assert list(page.documents) == [wanted]


async def test_a_workspace_sees_and_deletes_its_own_only(call: Call, other_call: Call) -> None:
    mine = partner(call)
    document = await add_document(mine)
    for stranger in (partner(call), partner(other_call, mine.workspace_id), other_call):
        assert (await list_documents(stranger, ListDocumentsRequest())).documents == []
        with pytest.raises(DocumentNotFound):
            await get_document(stranger, GetDocumentRequest(id=document.id))
        with pytest.raises(DocumentNotFound):
            await delete_document(stranger, DeleteDocumentRequest(id=document.id))
    assert (await list_documents(call, ListDocumentsRequest())).documents == [document]


async def test_a_deleted_document_is_gone_and_everyone_hears(call: Call, emitted: Emitted) -> None:
    document = await add_document(call)
    assert await delete_document(call, DeleteDocumentRequest(id=document.id)) == Empty()
    with pytest.raises(DocumentNotFound):
        await get_document(call, GetDocumentRequest(id=document.id))
    with pytest.raises(DocumentNotFound):
        await delete_document(call, DeleteDocumentRequest(id=document.id))
    assert await emitted(call, DocumentDeleted) == [
        DocumentDeleted(document_id=document.id, assistant_id=document.assistant_id)
    ]


async def test_a_deleted_assistant_takes_its_documents_along(call: Call, emitted: Emitted) -> None:
    mine = partner(call)
    gone = [await add_document(mine, assistant_id=assistant) for assistant in [new_id()] * 2]
    kept = await add_document(mine)
    for _ in range(2):  # The bus delivers at least once.
        await delete_documents(call, AssistantDeleted(assistant_id=gone[0].assistant_id))
    assert (await list_documents(mine, ListDocumentsRequest())).documents == [kept]
    deleted = await emitted(call, DocumentDeleted)
    assert {event.document_id for event in deleted} == {one.id for one in gone}  # type: ignore[attr-defined]
    assert len(deleted) == 2
