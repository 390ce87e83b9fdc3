"""Every vector store, held to the one contract."""

from __future__ import annotations

from dataclasses import replace

import pytest

from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.ids import new_id
from services.kit.testing import service_call
from services.knowledge.stores import MemoryStore, PgvectorStore, VectorStore
from services.knowledge.stores.base import Source
from tests.contracts.vector_store import SPACE, VectorStoreContract, passage, source, toward

INSERT = """
INSERT INTO knowledge.documents (id, workspace_id, assistant_id, title, text, create_time)
VALUES ($1, $2, $3, $4, 'x', $5)"""


class Revisions(VectorStoreContract):
    """What a store that has seen a document's later revision does with an earlier one."""

    async def revise(self, call: Call, source: Source) -> None:
        """What happens before the passages of a later revision are stored."""

    async def test_passages_of_an_earlier_revision_come_too_late(
        self, store: VectorStore, call: Call
    ) -> None:
        before = source()
        after = replace(before, revision=2)
        await self.add(call, before)
        assert await store.replace(call, before, SPACE, [passage("antes", 0)])
        await self.revise(call, after)
        assert await store.replace(call, after, SPACE, [passage("depois", 0)])
        assert not await store.replace(call, before, SPACE, [passage("tarde demais", 0)])
        [[found]] = await self.search(store, call, before, toward(0))
        assert found.text == "depois"
        assert await store.replace(call, after, SPACE, [passage("outra vez", 0)])
        [[found]] = await self.search(store, call, before, toward(0))
        assert found.text == "outra vez"


class TestMemoryStore(Revisions):
    @pytest.fixture
    def store(self) -> VectorStore:
        return MemoryStore()

    @pytest.fixture
    def call(self) -> Call:
        return service_call(None, tenant_id=new_id())

    @pytest.fixture
    def other_call(self) -> Call:
        return service_call(None, tenant_id=new_id())


class TestPgvectorStore(Revisions):
    @pytest.fixture
    def store(self) -> VectorStore:
        return PgvectorStore()

    async def add(self, call: Call, source: Source) -> None:
        async with call.transaction() as tx:
            await tx.run(
                INSERT,
                source.document_id,
                source.workspace_id,
                source.assistant_id,
                source.title,
                Clock().now(),
            )

    async def revise(self, call: Call, source: Source) -> None:
        async with call.transaction() as tx:
            await tx.run(
                "UPDATE knowledge.documents SET revision = $2 WHERE id = $1",
                source.document_id,
                source.revision,
            )

    async def test_a_deleted_document_takes_its_passages_along(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("o que havia", 0))
        async with call.transaction() as tx:
            await tx.run("DELETE FROM knowledge.documents WHERE id = $1", document.document_id)
        assert await self.search(store, call, document, toward(0)) == [[]]
        async with call.transaction() as tx:
            assert await tx.value("SELECT count(*) FROM knowledge.passages") == 0
            assert await tx.value("SELECT count(*) FROM knowledge.signatures") == 0

    async def test_a_document_that_is_gone_gets_no_passages(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        assert not await store.replace(call, document, SPACE, [passage("tarde demais", 0)])
        assert await self.search(store, call, document, toward(0)) == [[]]
