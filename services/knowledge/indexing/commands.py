"""Making documents findable."""

from collections.abc import Sequence

from malha.knowledge.v1.commands_pb2 import IndexDocument

from services.kit.ai import Embedder
from services.kit.ai.base import ProviderMisconfigured, ProviderRefused
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.sql import load_sql
from services.knowledge.indexing.chunking import cut
from services.knowledge.indexing.model import EMBEDDER_REFUSED, Outcome, fingerprint
from services.knowledge.indexing.outcomes import record
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
        async with call.transaction() as tx:
            refused = Outcome.failed(EMBEDDER_REFUSED)
            await record(tx, row["id"], row["revision"], refused, clock.now())
        raise  # Into the dead letters: once the cause is gone, an operator sends it again.
    outcome = Outcome.ready(len(passages), wanted) if passages else Outcome.empty()
    source = Source(
        row["id"], row["assistant_id"], row["workspace_id"], row["title"], row["revision"]
    )
    if not await store.replace(call, source, space, passages):
        return  # Deleted or changed meanwhile; a change has sent a command of its own.
    async with call.transaction() as tx:
        await record(tx, row["id"], row["revision"], outcome, clock.now())


async def _embed(embedder: Embedder, title: str, texts: Sequence[str]) -> list[NewPassage]:
    # With its title: "Sim, em até 30 dias" says little without it.
    vectors = await embedder.embed([f"{title}\n{text}" for text in texts])
    return [NewPassage(text, vector) for text, vector in zip(texts, vectors, strict=True)]
