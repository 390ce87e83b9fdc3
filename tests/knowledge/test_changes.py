"""Changing a document: what is kept, who wins, and how much of the plan it takes."""

from __future__ import annotations

import asyncio

import pytest
from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import (
    DOCUMENT_STATUS_FAILED,
    DOCUMENT_STATUS_QUEUED,
    DOCUMENT_STATUS_READY,
    Document,
)
from malha.knowledge.v1.document_service_pb2 import (
    DeleteDocumentRequest,
    GetDocumentTextRequest,
    MeasureKnowledgeRequest,
    MeasureKnowledgeResponse,
)

from services.kit.ai.fake import FakeEmbedder
from services.kit.call import Call
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.limits import Limits, PlanLimitReached
from services.knowledge.documents.commands import delete_document
from services.knowledge.documents.model import DocumentBlank, DocumentNotFound
from services.knowledge.documents.queries import get_document_text, measure_knowledge
from services.knowledge.stores import VectorStore
from tests.knowledge.conftest import Emitted
from tests.knowledge.library import TEXT, add_document, change, index, partner, read


async def text_of(call: Call, document: Document) -> str:
    return (await get_document_text(call, GetDocumentTextRequest(id=document.id))).text


async def measure(call: Call) -> MeasureKnowledgeResponse:
    return await measure_knowledge(call, MeasureKnowledgeRequest())


def limited(call: Call, size: int) -> Call:
    """A partner whose plan permits so many bytes."""
    return partner(call, limits=Limits(knowledge_bytes=size))


async def test_a_new_text_waits_to_be_indexed_and_the_title_stays(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call, "Pagamento", TEXT)
    await index(call, document, FakeEmbedder(), store)
    ready = await read(call, document)
    changed = await change(call, document, text=" Só Pix.\u200b ")
    assert (changed.title, changed.status) == ("Pagamento", DOCUMENT_STATUS_QUEUED)
    assert (changed.length, changed.size_bytes) == (7, 8)
    assert await text_of(call, document) == "Só Pix."
    assert changed.update_time.ToDatetime() > document.update_time.ToDatetime()
    assert document.update_time == document.create_time == changed.create_time
    assert changed.index_time == ready.index_time
    assert changed.passage_count == ready.passage_count
    assert await read(call, document) == changed
    assert await emitted(call, IndexDocument) == [IndexDocument(document_id=document.id)] * 2


async def test_a_new_title_is_indexed_too_since_it_is_part_of_what_is_found(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call)
    await index(call, document, FakeEmbedder(), store)
    changed = await change(call, document, title="Como pagar")
    assert (changed.title, changed.status) == ("Como pagar", DOCUMENT_STATUS_QUEUED)
    assert await text_of(call, document) == TEXT
    assert len(await emitted(call, IndexDocument)) == 2


async def test_a_change_that_changes_nothing_is_none(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call, "Pagamento", TEXT)
    await index(call, document, FakeEmbedder(), store)
    ready = await read(call, document)
    assert await change(call, document) == ready
    assert await change(call, document, title=" Pagamento ", text=f"{TEXT}\n") == ready
    assert len(await emitted(call, IndexDocument)) == 1


async def test_the_same_text_again_is_a_new_try_after_a_failure(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call, "Trocas", "# Trocas")
    await index(call, document, FakeEmbedder(), store)
    failed = await read(call, document)
    assert failed.status == DOCUMENT_STATUS_FAILED
    assert await change(call, document, title="Trocas") == failed
    again = await change(call, document, text="# Trocas")
    assert (again.status, again.failure_reason) == (DOCUMENT_STATUS_QUEUED, "")
    assert again.update_time == document.create_time
    assert len(await emitted(call, IndexDocument)) == 2


@pytest.mark.parametrize("field", ["title", "text"])
async def test_what_is_blank_to_a_reader_is_refused(call: Call, field: str) -> None:
    document = await add_document(call)
    with pytest.raises(DocumentBlank) as refusal:
        await change(call, document, **{field: "\u200b \n"})
    assert [name for name, _ in refusal.value.violations()] == [field]
    assert await read(call, document) == document


async def test_an_etag_from_before_is_refused_and_of_many_one_succeeds(call: Call) -> None:
    document = await add_document(call)
    outcomes = await asyncio.gather(
        *(change(call, document, title=f"Título {n}", etag=document.etag) for n in range(20)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert len(refused) == 19
    assert all(isinstance(one, EtagMismatch) for one in refused)
    now = await read(call, document)
    assert now.etag not in ("", document.etag)
    assert (await change(call, document, title="Outro", etag=now.etag)).title == "Outro"
    assert (await change(call, document, title="Sem etag")).title == "Sem etag"


async def test_being_indexed_changes_the_etag(call: Call, store: VectorStore) -> None:
    document = await add_document(call)
    await index(call, document, FakeEmbedder(), store)
    ready = await read(call, document)
    assert ready.status == DOCUMENT_STATUS_READY
    with pytest.raises(EtagMismatch):
        await change(call, document, title="Outro", etag=document.etag)


async def test_a_document_of_others_is_not_found(call: Call, other_call: Call) -> None:
    mine = partner(call)
    document = await add_document(mine)
    for stranger in (partner(call), partner(other_call, mine.workspace_id), other_call):
        for attempt in (change(stranger, document, text="Meu"), text_of(stranger, document)):
            with pytest.raises(DocumentNotFound) as refusal:
                await attempt
            assert refusal.value.metadata == {"id": document.id}
    with pytest.raises(DocumentNotFound):
        await change(mine, Document(id=new_id()), text="Novo")
    assert await read(mine, document) == document
    assert await text_of(mine, document) == TEXT


async def test_creates_at_once_never_exceed_the_plan(call: Call) -> None:
    mine = limited(call, 50)
    elsewhere = limited(call, 50)  # Another workspace of the same tenant.
    outcomes = await asyncio.gather(
        *(add_document([mine, elsewhere][n % 2], str(n), "çççç.") for n in range(20)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert len(refused) == 15  # 9 bytes each.
    for one in refused:
        assert isinstance(one, PlanLimitReached)
        assert one.metadata == {"what": "knowledge_bytes", "limit": "50", "used": "45"}
    assert await measure(call) == MeasureKnowledgeResponse(size_bytes=45, count=5)


async def test_changes_at_once_never_exceed_the_plan(call: Call) -> None:
    mine = limited(call, 100)
    made = [await add_document(mine, str(n), "1234567890") for n in range(8)]
    outcomes = await asyncio.gather(
        *(change(mine, one, text="123456789012345") for one in made), return_exceptions=True
    )
    assert sum(isinstance(one, PlanLimitReached) for one in outcomes) == 4
    assert (await measure(call)).size_bytes == 100


async def test_a_plan_that_became_smaller_permits_what_makes_less(call: Call) -> None:
    document = await add_document(call, "Título", "1234567890")
    mine = limited(call, 5)
    mine.workspace_id = document.workspace_id
    assert (await change(mine, document, title="Outro")).title == "Outro"
    assert (await change(mine, document, text="123456789")).size_bytes == 9
    with pytest.raises(PlanLimitReached):
        await change(mine, document, text="1234567890")
    assert await text_of(mine, document) == "123456789"


async def test_what_exactly_fits_is_permitted_and_deleting_makes_room(call: Call) -> None:
    mine = limited(call, 10)
    document = await add_document(mine, "Título", "1234567890")
    with pytest.raises(PlanLimitReached):
        await add_document(mine, "Título", "1")
    assert (await change(mine, document, text="0987654321")).size_bytes == 10
    await delete_document(mine, DeleteDocumentRequest(id=document.id))
    assert await measure(call) == MeasureKnowledgeResponse()
    await add_document(mine, "Título", "1234567890")


async def test_a_measure_is_of_the_whole_tenant_and_no_other(call: Call, other_call: Call) -> None:
    one, two = partner(call), partner(call)
    await add_document(one, "a", "ação")
    await add_document(two, "b", "👍")
    await add_document(other_call, "c", "de outro")
    assert await measure(call) == MeasureKnowledgeResponse(size_bytes=10, count=2)
    assert await measure(one) == await measure(two) == await measure(call)
