"""Making documents findable."""

from collections.abc import Sequence

from malha.knowledge.v1.commands_pb2 import IndexDocument
from malha.knowledge.v1.document_pb2 import Document
from malha.knowledge.v1.events_pb2 import DocumentIndexed

from services.kit.ai import Embedder
from services.kit.ai.base import ProviderMisconfigured, ProviderRefused
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.sql import load_sql
from services.knowledge.indexing.chunking import cut
from services.knowledge.indexing.model import (
    EMBEDDER_REFUSED,
    NOTHING_TO_READ,
    TIMER,
    fingerprint,
)
from services.knowledge.stores.base import NewPassage, Source, Space, VectorStore

sql = load_sql(__package__, "indexing.sql")


async def index_document(
    call: Call, command: IndexDocument, *, embedder: Embedder, store: VectorStore, clock: Clock
) -> None:
    """Cut a document into passages and replace those it had, unless it is indexed already."""
    async with call.transaction() as tx:
        row = await tx.maybe(sql.document_to_index, command.document_id)
    if row is None:
        return  # Deleted meanwhile.
    space = Space(embedder.model, embedder.dimensions)
    wanted = fingerprint(row["title"], row["text"], space)
    if row["fingerprint"] == wanted:
        return  # Delivered again.

    texts = cut(row["title"], row["text"])
    try:
        passages = await _embed(embedder, row["title"], texts)
    except (ProviderMisconfigured, ProviderRefused):
        await _record_failure(call, command.document_id, EMBEDDER_REFUSED, clock)
        raise  # Into the dead letters: once the cause is gone, an operator sends it again.
    source = Source(row["id"], row["assistant_id"], row["workspace_id"], row["title"])
    await store.replace(call, source, space, passages)

    if not passages:
        await _record_failure(call, command.document_id, NOTHING_TO_READ, clock)
        return
    async with call.transaction() as tx:
        indexed = await tx.maybe(
            sql.mark_ready, command.document_id, len(passages), wanted, clock.now()
        )
        if indexed is not None:
            tx.disarm(TIMER, command.document_id)
            tx.emit(DocumentIndexed(document=Document(**indexed)))


async def _embed(embedder: Embedder, title: str, texts: Sequence[str]) -> list[NewPassage]:
    # With its title: "Sim, em até 30 dias" says little without it.
    vectors = await embedder.embed([f"{title}\n{text}" for text in texts])
    return [NewPassage(text, vector) for text, vector in zip(texts, vectors, strict=True)]


async def _record_failure(call: Call, document_id: str, reason: str, clock: Clock) -> None:
    async with call.transaction() as tx:
        failed = await tx.maybe(sql.mark_failed, document_id, reason, clock.now())
        if failed is not None:
            tx.disarm(TIMER, document_id)
            tx.emit(DocumentIndexed(document=Document(**failed)))
