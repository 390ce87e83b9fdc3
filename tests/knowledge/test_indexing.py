"""Documents become findable once, whatever is delivered twice, lost or refused on the way."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import DOCUMENT_STATUS_FAILED, DOCUMENT_STATUS_READY, Document
from malha.knowledge.v1.document_service_pb2 import DeleteDocumentRequest
from malha.knowledge.v1.events_pb2 import DocumentIndexed
from numpy.typing import NDArray

from services.kit.ai.base import ProviderMisconfigured, ProviderUnavailable
from services.kit.ai.fake import FakeEmbedder
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.ids import new_id
from services.kit.testing import service_call
from services.knowledge.documents.commands import delete_document
from services.knowledge.indexing.events import ask_again
from services.knowledge.indexing.model import (
    EMBEDDER_REFUSED,
    MAX_RESENDS,
    NEVER_FINISHED,
    NOTHING_TO_READ,
    TIMER,
    fingerprint,
    resend_delay,
)
from services.knowledge.stores import MemoryStore, VectorStore
from services.knowledge.stores.base import Space
from tests.knowledge.conftest import Emitted
from tests.knowledge.library import add_document, index, read

CLOCK = Clock()


class CountingEmbedder(FakeEmbedder):
    """Counts what it is asked for; fails when told to."""

    def __init__(self, error: Exception | None = None, dimensions: int = 128) -> None:
        super().__init__(dimensions)
        self.asked: list[str] = []
        self.error = error

    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        self.asked += texts
        if self.error:
            raise self.error
        return await super().embed(texts)


@pytest.fixture
def embedder() -> CountingEmbedder:
    return CountingEmbedder()


async def due_in(call: Call, document: Document) -> timedelta | None:
    async with call.transaction() as tx:
        due = await tx.value(
            "SELECT due_time FROM knowledge.timers WHERE kind = $1 AND id = $2", TIMER, document.id
        )
    return None if due is None else due - CLOCK.now()


async def test_a_document_becomes_ready_and_everyone_hears(
    call: Call, embedder: CountingEmbedder, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(
        call, "Pix", "Aceitamos Pix.\n\n" + "Também aceitamos boleto. " * 5
    )
    await index(call, document, embedder, store)
    after = await read(call, document)
    assert after.status == DOCUMENT_STATUS_READY
    assert after.passage_count == len(embedder.asked) > 0
    assert all(text.startswith("Pix\n") for text in embedder.asked)
    assert after.HasField("index_time")
    assert await emitted(call, DocumentIndexed) == [DocumentIndexed(document=after)]
    assert await due_in(call, document) is None


async def test_a_command_delivered_again_changes_nothing(
    call: Call, embedder: CountingEmbedder, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call)
    await index(call, document, embedder, store)
    asked = len(embedder.asked)
    await index(call, document, embedder, store)
    assert len(embedder.asked) == asked
    assert len(await emitted(call, DocumentIndexed)) == 1


async def test_another_model_indexes_again_and_the_old_vectors_go(
    call: Call, embedder: CountingEmbedder, store: VectorStore
) -> None:
    document = await add_document(call)
    await index(call, document, embedder, store)
    await index(call, document, CountingEmbedder(dimensions=256), store)
    async with call.transaction() as tx:
        rows = await tx.all("SELECT DISTINCT dimensions FROM knowledge.signatures")
        passages = await tx.value("SELECT count(*) FROM knowledge.passages")
    assert [row["dimensions"] for row in rows] == [256]
    assert passages == (await read(call, document)).passage_count


async def test_a_document_with_nothing_to_read_fails_with_the_reason(
    call: Call, embedder: CountingEmbedder, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call, "Trocas", "# Trocas")
    for _ in range(2):
        await index(call, document, embedder, store)
    after = await read(call, document)
    assert (after.status, after.failure_reason) == (DOCUMENT_STATUS_FAILED, NOTHING_TO_READ)
    assert len(await emitted(call, DocumentIndexed)) == 1
    assert await due_in(call, document) is None


async def test_a_refused_key_is_visible_and_the_command_can_be_sent_again(
    call: Call, embedder: CountingEmbedder, store: VectorStore
) -> None:
    document = await add_document(call)
    embedder.error = ProviderMisconfigured(provider="openai", problem="key")
    with pytest.raises(ProviderMisconfigured):
        await index(call, document, embedder, store)
    assert (await read(call, document)).failure_reason == EMBEDDER_REFUSED
    embedder.error = None
    await index(call, document, embedder, store)
    after = await read(call, document)
    assert (after.status, after.failure_reason) == (DOCUMENT_STATUS_READY, "")


async def test_a_provider_that_is_away_leaves_the_document_waiting(
    call: Call, embedder: CountingEmbedder, store: VectorStore
) -> None:
    document = await add_document(call)
    embedder.error = ProviderUnavailable(provider="openai", problem="timeout")
    with pytest.raises(ProviderUnavailable):
        await index(call, document, embedder, store)
    assert await read(call, document) == document
    assert await due_in(call, document) is not None


async def test_a_document_deleted_meanwhile_is_left_alone(
    call: Call, embedder: CountingEmbedder, emitted: Emitted
) -> None:
    document = await add_document(call)

    class DeletingStore(MemoryStore):
        async def replace(self, call: Call, *arguments: Any) -> bool:
            await delete_document(call, DeleteDocumentRequest(id=document.id))
            return True

    await index(call, document, embedder, DeletingStore())
    await index(call, document, embedder, MemoryStore())
    assert await emitted(call, DocumentIndexed) == []


async def test_another_tenant_cannot_index_it(
    call: Call, other_call: Call, embedder: CountingEmbedder, store: VectorStore
) -> None:
    document = await add_document(call)
    await index(other_call, document, embedder, store)
    assert embedder.asked == []
    assert await read(call, document) == document


async def test_a_lost_command_is_sent_again_ever_later_until_it_is_given_up(
    call: Call, emitted: Emitted
) -> None:
    document = await add_document(call)
    assert len(await emitted(call, IndexDocument)) == 1
    for resends in range(1, MAX_RESENDS + 1):
        await ask_again(call, document.id, clock=CLOCK)
        assert len(await emitted(call, IndexDocument)) == 1 + resends
        assert await due_in(call, document) == pytest.approx(
            resend_delay(resends), abs=timedelta(seconds=5)
        )
    await ask_again(call, document.id, clock=CLOCK)
    after = await read(call, document)
    assert (after.status, after.failure_reason) == (DOCUMENT_STATUS_FAILED, NEVER_FINISHED)
    assert await emitted(call, DocumentIndexed) == [DocumentIndexed(document=after)]
    assert await due_in(call, document) is None


async def test_the_timer_of_a_document_that_is_done_disarms(
    call: Call, embedder: CountingEmbedder, emitted: Emitted
) -> None:
    document = await add_document(call)
    await index(call, document, embedder, MemoryStore())
    async with call.transaction() as tx:
        tx.arm(TIMER, document.id, CLOCK.now())
    await ask_again(call, document.id, clock=CLOCK)
    assert await due_in(call, document) is None
    assert len(await emitted(call, IndexDocument)) == 1
    assert (await read(call, document)).status == DOCUMENT_STATUS_READY


async def test_a_timer_whose_document_is_gone_disarms(call: Call) -> None:
    gone = Document(id=new_id())
    async with call.transaction() as tx:
        tx.arm(TIMER, gone.id, CLOCK.now())
    await ask_again(call, gone.id, clock=CLOCK)
    assert await due_in(call, gone) is None


def test_a_fingerprint_tells_apart_what_would_be_indexed_differently() -> None:
    space = Space("m", 8)
    prints = {
        fingerprint("a", "b", space),
        fingerprint("ab", "", space),
        fingerprint("a", "c", space),
        fingerprint("a", "b", Space("n", 8)),
        fingerprint("a", "b", Space("m", 9)),
    }
    assert len(prints) == 5
    assert fingerprint("a", "b", space) == fingerprint("a", "b", Space("m", 8))


def test_pauses_double_and_end_within_two_days() -> None:
    assert resend_delay(0) == timedelta(minutes=1)
    total = sum((resend_delay(resends) for resends in range(MAX_RESENDS + 1)), timedelta())
    assert timedelta(days=1) < total < timedelta(days=2)


async def test_a_service_without_a_tenant_reads_nothing(
    database: Database, call: Call, embedder: CountingEmbedder, store: VectorStore
) -> None:
    document = await add_document(call)
    await index(service_call(database), document, embedder, store)
    assert embedder.asked == []
