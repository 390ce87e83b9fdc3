"""A changed document is indexed again: until then what was is found, and the last change wins."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from malha.knowledge.v1.document_pb2 import (
    DOCUMENT_STATUS_FAILED,
    DOCUMENT_STATUS_QUEUED,
    DOCUMENT_STATUS_READY,
    Document,
)
from malha.knowledge.v1.events_pb2 import DocumentIndexed
from malha.knowledge.v1.search_service_pb2 import SearchPassagesRequest
from numpy.typing import NDArray

from services.kit.ai.base import ProviderMisconfigured
from services.kit.ai.fake import FakeEmbedder
from services.kit.call import Call
from services.kit.clock import Clock
from services.knowledge.indexing.events import ask_again
from services.knowledge.indexing.model import (
    EMBEDDER_REFUSED,
    MAX_RESENDS,
    NEVER_FINISHED,
    NOTHING_TO_READ,
    TIMER,
)
from services.knowledge.search.queries import search_passages
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.stores import PgvectorStore, VectorStore
from tests.knowledge.conftest import Emitted
from tests.knowledge.library import add_document, change, index, read

BEFORE = "O prazo de troca é de 30 dias corridos, contados da entrega."
AFTER = "O prazo de troca é de 7 dias corridos, contados da compra."


class SlowEmbedder(FakeEmbedder):
    """Waits in the middle of embedding until it is let go on."""

    def __init__(self) -> None:
        super().__init__()
        self.reading = asyncio.Event()
        self.go_on = asyncio.Event()

    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        self.reading.set()
        await self.go_on.wait()
        return await super().embed(texts)


class RefusingEmbedder(FakeEmbedder):
    """Knows no key."""

    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        raise ProviderMisconfigured(provider="openai", problem="key")


async def found(call: Call, document: Document) -> list[str]:
    """Every passage that a search finds of the document's assistant."""
    response = await search_passages(
        call,
        SearchPassagesRequest(
            assistant_id=document.assistant_id, queries=["prazo de troca"], min_score=1e-9
        ),
        embedder=FakeEmbedder(),
        store=PgvectorStore(),
        settings=KnowledgeSettings(),
    )
    return [passage.text for passage in response.results[0].passages]


async def armed(call: Call, document: Document) -> bool:
    async with call.transaction() as tx:
        due = await tx.value(
            "SELECT due_time FROM knowledge.timers WHERE kind = $1 AND id = $2", TIMER, document.id
        )
    return due is not None


async def ready_document(call: Call, store: VectorStore) -> Document:
    document = await add_document(call, "Trocas", BEFORE)
    await index(call, document, FakeEmbedder(), store)
    assert await found(call, document) == [BEFORE]
    return document


async def test_answers_use_what_was_until_the_new_text_is_ready(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await ready_document(call, store)
    await change(call, document, text=AFTER)
    assert await found(call, document) == [BEFORE]
    embedder = SlowEmbedder()
    indexing = asyncio.create_task(index(call, document, embedder, store))
    await embedder.reading.wait()
    assert await found(call, document) == [BEFORE]
    assert (await read(call, document)).status == DOCUMENT_STATUS_QUEUED
    embedder.go_on.set()
    await indexing
    assert await found(call, document) == [AFTER]
    after = await read(call, document)
    assert (after.status, after.passage_count) == (DOCUMENT_STATUS_READY, 1)
    assert (await emitted(call, DocumentIndexed))[1:] == [DocumentIndexed(document=after)]
    assert not await armed(call, document)


async def test_no_search_meets_a_document_without_passages(call: Call, store: VectorStore) -> None:
    document = await ready_document(call, store)
    for number in range(5):
        await change(call, document, text=f"{BEFORE} Edição {number}.")
        indexing = asyncio.create_task(index(call, document, FakeEmbedder(), store))
        while not indexing.done():
            assert len(await found(call, document)) == 1
        await indexing


async def test_a_change_while_indexing_runs_wins(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call, "Trocas", BEFORE)
    embedder = SlowEmbedder()
    late = asyncio.create_task(index(call, document, embedder, store))
    await embedder.reading.wait()
    await change(call, document, text=AFTER)
    await index(call, document, FakeEmbedder(), store)
    ready = await read(call, document)
    embedder.go_on.set()
    await late
    assert await found(call, document) == [AFTER]
    assert await read(call, document) == ready
    assert ready.status == DOCUMENT_STATUS_READY
    assert await emitted(call, DocumentIndexed) == [DocumentIndexed(document=ready)]


async def test_a_change_that_is_not_indexed_yet_waits_on_when_an_earlier_one_ends(
    call: Call, store: VectorStore, emitted: Emitted
) -> None:
    document = await add_document(call, "Trocas", BEFORE)
    embedder = SlowEmbedder()
    late = asyncio.create_task(index(call, document, embedder, store))
    await embedder.reading.wait()
    changed = await change(call, document, text=AFTER)
    embedder.go_on.set()
    await late
    assert await read(call, document) == changed
    assert await found(call, document) == []
    assert await emitted(call, DocumentIndexed) == []
    assert await armed(call, document)
    await index(call, document, FakeEmbedder(), store)
    assert await found(call, document) == [AFTER]


async def test_a_change_between_the_passages_and_their_record_waits_on(
    call: Call, emitted: Emitted
) -> None:
    document = await add_document(call, "Trocas", BEFORE)

    class ChangedStore(PgvectorStore):
        async def replace(self, call: Call, *arguments: Any) -> bool:
            replaced = await super().replace(call, *arguments)
            await change(call, document, text=AFTER)
            return replaced

    await index(call, document, FakeEmbedder(), ChangedStore())
    assert (await read(call, document)).status == DOCUMENT_STATUS_QUEUED
    assert await armed(call, document)
    assert await emitted(call, DocumentIndexed) == []
    await index(call, document, FakeEmbedder(), PgvectorStore())
    assert await found(call, document) == [AFTER]


async def test_a_refusal_of_an_earlier_text_says_nothing_of_the_new_one(
    call: Call, emitted: Emitted
) -> None:
    document = await add_document(call, "Trocas", BEFORE)

    class ChangingEmbedder(RefusingEmbedder):
        async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
            await change(call, document, text=AFTER)
            return await super().embed(texts)

    with pytest.raises(ProviderMisconfigured):
        await index(call, document, ChangingEmbedder(), PgvectorStore())
    assert (await read(call, document)).status == DOCUMENT_STATUS_QUEUED
    assert await armed(call, document)
    assert await emitted(call, DocumentIndexed) == []


async def test_a_text_that_is_changed_and_changed_back_becomes_ready(
    call: Call, store: VectorStore
) -> None:
    document = await ready_document(call, store)
    await change(call, document, text=AFTER)
    await change(call, document, text=BEFORE)
    for _ in range(2):  # Each change has sent a command.
        await index(call, document, FakeEmbedder(), store)
    assert (await read(call, document)).status == DOCUMENT_STATUS_READY
    assert await found(call, document) == [BEFORE]


async def test_what_was_stays_in_use_when_the_new_text_cannot_be_read(
    call: Call, store: VectorStore
) -> None:
    document = await ready_document(call, store)
    await change(call, document, text=AFTER)
    with pytest.raises(ProviderMisconfigured):
        await index(call, document, RefusingEmbedder(), store)
    failed = await read(call, document)
    assert (failed.status, failed.failure_reason) == (DOCUMENT_STATUS_FAILED, EMBEDDER_REFUSED)
    assert failed.passage_count == 1
    assert await found(call, document) == [BEFORE]
    await index(call, document, FakeEmbedder(), store)  # An operator has sent it again.
    assert await found(call, document) == [AFTER]


async def test_a_new_text_with_nothing_to_read_leaves_nothing_to_find(
    call: Call, store: VectorStore
) -> None:
    document = await ready_document(call, store)
    await change(call, document, text="# Trocas")
    await index(call, document, FakeEmbedder(), store)
    failed = await read(call, document)
    assert (failed.status, failed.failure_reason) == (DOCUMENT_STATUS_FAILED, NOTHING_TO_READ)
    assert failed.passage_count == 0
    assert await found(call, document) == []


async def test_a_change_has_all_its_tries_again(call: Call, emitted: Emitted) -> None:
    document = await add_document(call, "Trocas", BEFORE)
    for _ in range(MAX_RESENDS + 1):
        await ask_again(call, document.id, clock=Clock())
    assert (await read(call, document)).failure_reason == NEVER_FINISHED
    assert not await armed(call, document)
    await change(call, document, text=AFTER)
    assert await armed(call, document)
    for _ in range(MAX_RESENDS):
        await ask_again(call, document.id, clock=Clock())
    assert (await read(call, document)).status == DOCUMENT_STATUS_QUEUED
    await ask_again(call, document.id, clock=Clock())
    assert len(await emitted(call, DocumentIndexed)) == 2
