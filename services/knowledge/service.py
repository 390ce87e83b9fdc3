"""knowledge's table of contents."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide
from malha.knowledge.v1.commands_pb2 import IndexDocument

from services.kit.ai import AISettings, Embedder, open_embedder
from services.kit.auth import AccessDirectory
from services.kit.directory import RemoteAccess
from services.kit.service import Service
from services.kit.settings import read_settings
from services.knowledge import documents, indexing, search
from services.knowledge.settings import KnowledgeSettings
from services.knowledge.stores import PgvectorStore, VectorStore


class KnowledgeProvider(Provider):
    """What the functions of knowledge ask for beyond the kit."""

    scope = Scope.APP
    directory = provide(RemoteAccess, provides=AccessDirectory)
    store = provide(PgvectorStore, provides=VectorStore)

    @provide
    async def embedder(self) -> AsyncIterator[Embedder]:
        embedder = open_embedder(read_settings(AISettings))
        yield embedder
        await embedder.close()


SERVICE = Service(
    "knowledge",
    KnowledgeSettings,
    [KnowledgeProvider()],
    [documents.CONTEXT, indexing.CONTEXT, search.CONTEXT],
    sends=(IndexDocument,),
)
