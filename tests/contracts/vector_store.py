"""What any vector store must do, wherever it keeps its passages."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from services.kit.call import Call
from services.kit.ids import new_id
from services.knowledge.stores.base import (
    FoundPassage,
    NewPassage,
    Query,
    Source,
    Space,
    VectorStore,
)

Vector = NDArray[np.float32]

SPACE = Space("test", 64)


def toward(axis: int, *, off: float = 0.0, space: Space = SPACE) -> Vector:
    """A unit vector along an axis; `off` turns it toward the next one."""
    vector = np.zeros(space.dimensions, dtype=np.float32)
    vector[axis] = 1.0
    vector[(axis + 1) % space.dimensions] = off
    return vector / np.linalg.norm(vector)


def passage(text: str, axis: int, *, off: float = 0.0, space: Space = SPACE) -> NewPassage:
    return NewPassage(text, toward(axis, off=off, space=space))


def source(*, assistant_id: str = "", workspace_id: str = "", title: str = "Trocas") -> Source:
    return Source(new_id(), assistant_id or new_id(), workspace_id or new_id(), title)


class VectorStoreContract:
    """Subclasses provide the fixtures `store`, `call` and, of another tenant, `other_call`."""

    async def add(self, call: Call, source: Source) -> None:
        """What happens before a document's passages are stored."""

    async def fill(
        self,
        store: VectorStore,
        call: Call,
        source: Source,
        *passages: NewPassage,
        space: Space = SPACE,
    ) -> None:
        await self.add(call, source)
        await store.replace(call, source, space, passages)

    async def search(
        self,
        store: VectorStore,
        call: Call,
        source: Source,
        *vectors: Vector,
        words: str = "",
        limit: int = 5,
        min_score: float = 0.1,
        space: Space = SPACE,
    ) -> list[list[FoundPassage]]:
        queries = [Query(words, vector) for vector in vectors]
        return await store.search(
            call, source.assistant_id, space, queries, limit=limit, min_score=min_score
        )

    async def test_a_passage_is_found_with_its_source_and_score(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source(title="Trocas e devoluções")
        await self.fill(store, call, document, passage("A troca é gratuita.", 0, off=0.5))
        [[found]] = await self.search(store, call, document, toward(0))
        assert (found.text, found.title) == ("A troca é gratuita.", "Trocas e devoluções")
        assert found.document_id == document.document_id
        assert found.id
        assert found.score == pytest.approx(float(toward(0) @ toward(0, off=0.5)), abs=2e-3)

    async def test_results_come_best_first_and_no_more_than_asked_for(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        nearness = [0.9, 0.1, 0.5, 0.3, 0.7]
        passages = [passage(f"{off}", 0, off=off) for off in nearness]
        await self.fill(store, call, document, *passages)
        [found] = await self.search(store, call, document, toward(0), limit=3)
        assert [one.text for one in found] == ["0.1", "0.3", "0.5"]

    async def test_words_decide_between_passages_that_mean_much_the_same(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source(title="Prazos")
        await self.fill(
            store,
            call,
            document,
            passage("O prazo de entrega é de 4 dias.", 0, off=0.2),
            passage("O prazo para trocar é de 30 dias.", 0, off=0.3),
            passage("A peça LX-4711 é de linho.", 0, off=0.4),
        )
        for words, first in (
            ("qual o prazo da TROCA?", "O prazo para trocar é de 30 dias."),
            ("qual o prazo da entrega?", "O prazo de entrega é de 4 dias."),
            ("o que é a lx 4711?", "A peça LX-4711 é de linho."),
            ("какой срок?", "O prazo de entrega é de 4 dias."),
        ):
            [found] = await self.search(store, call, document, toward(0), words=words)
            assert found[0].text == first
            assert [one.score for one in found] == sorted(one.score for one in found)[::-1]
            assert all(0 < one.score <= 1 for one in found)

    async def test_words_alone_are_not_enough(self, store: VectorStore, call: Call) -> None:
        document = source()
        await self.fill(store, call, document, passage("trocar o pneu", 20))
        [found] = await self.search(
            store, call, document, toward(0), words="trocar o pneu", min_score=0.4
        )
        assert found == []

    async def test_each_vector_has_its_own_results_in_order(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("um", 0), passage("dois", 10))
        found = await self.search(store, call, document, toward(10), toward(30), toward(0))
        assert _texts(found) == [["dois"], [], ["um"]]

    async def test_no_vectors_no_results(self, store: VectorStore, call: Call) -> None:
        document = source()
        await self.fill(store, call, document, passage("um", 0))
        assert await self.search(store, call, document) == []

    async def test_what_is_less_alike_than_asked_for_is_left_out(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        await self.fill(
            store, call, document, passage("perto", 0, off=0.1), passage("longe", 0, off=3)
        )
        assert _texts(await self.search(store, call, document, toward(0), min_score=0.9)) == [
            ["perto"]
        ]

    async def test_an_assistant_never_finds_anothers_passages(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("só minha", 0))
        assert await self.search(store, call, source(), toward(0)) == [[]]

    async def test_a_tenant_never_finds_anothers_passages(
        self, store: VectorStore, call: Call, other_call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("o reembolso leva 7 dias", 0))
        assert await self.search(store, other_call, document, toward(0)) == [[]]

    async def test_a_tenant_never_replaces_anothers_passages(
        self, store: VectorStore, call: Call, other_call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("o reembolso leva 7 dias", 0))
        await store.replace(other_call, document, SPACE, [passage("nunca", 0)])
        assert _texts(await self.search(store, call, document, toward(0))) == [
            ["o reembolso leva 7 dias"]
        ]

    async def test_a_workspace_finds_its_own_and_a_service_all(
        self, store: VectorStore, call: Call
    ) -> None:
        mine = source(workspace_id=call.workspace_id)
        another = source(assistant_id=mine.assistant_id)
        await self.fill(store, call, mine, passage("minha", 0))
        await self.fill(store, call, another, passage("de outra", 0))
        assert _texts(await self.search(store, call, mine, toward(0))) == [["minha", "de outra"]]
        within = call.for_tenant(call.tenant_id, mine.workspace_id)
        assert _texts(await self.search(store, within, mine, toward(0))) == [["minha"]]

    async def test_replacing_forgets_what_the_document_had(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("antigo", 0), passage("antigo também", 0))
        await store.replace(call, document, SPACE, [passage("novo", 0)])
        assert _texts(await self.search(store, call, document, toward(0))) == [["novo"]]

    async def test_replacing_by_nothing_forgets_the_document_only(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        other = source(assistant_id=document.assistant_id, workspace_id=document.workspace_id)
        await self.fill(store, call, document, passage("antigo", 0))
        await self.fill(store, call, other, passage("outro", 0))
        await store.replace(call, document, SPACE, [])
        assert _texts(await self.search(store, call, document, toward(0))) == [["outro"]]

    async def test_vectors_of_different_models_are_never_compared(
        self, store: VectorStore, call: Call
    ) -> None:
        document = source()
        await self.fill(store, call, document, passage("de antes", 0))
        same_size, larger = Space("newer", 64), Space("test", 128)
        for space in (same_size, larger):
            query = toward(0, space=space)
            assert await self.search(store, call, document, query, space=space) == [[]]
        await store.replace(call, document, larger, [passage("de agora", 0, space=larger)])
        query = toward(0, space=larger)
        assert _texts(await self.search(store, call, document, query, space=larger)) == [
            ["de agora"]
        ]
        assert await self.search(store, call, document, toward(0)) == [[]]

    async def test_any_text_comes_back_as_it_was(self, store: VectorStore, call: Call) -> None:
        hostile = "'); DROP TABLE knowledge.passages; -- \\ \" {} %s $1 \n\U0001f44d ção"
        document = source(title="'); --")
        await self.fill(store, call, document, passage(hostile, 0))
        [[found]] = await self.search(store, call, document, toward(0))
        assert (found.title, found.text) == ("'); --", hostile)

    async def test_among_many_passages_the_best_are_found(
        self, store: VectorStore, call: Call
    ) -> None:
        random = np.random.default_rng(7)
        centres = random.normal(size=(60, 64))
        vectors = np.repeat(centres, 50, axis=0) + random.normal(scale=0.6, size=(3000, 64))
        vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
        document = source()
        passages = [NewPassage(str(number), vector) for number, vector in enumerate(vectors)]
        await self.fill(store, call, document, *passages)
        queries = [
            (vector / np.linalg.norm(vector)).astype(np.float32)
            for vector in vectors[::150] + random.normal(scale=0.05, size=(20, 64))
        ]
        hits = 0
        for query, found in zip(
            queries, await self.search(store, call, document, *queries), strict=True
        ):
            best = {str(number) for number in np.argsort(-(vectors @ query))[:5]}
            hits += len(best & {one.text for one in found})
        assert hits >= 0.95 * 5 * len(queries)


def _texts(found: Sequence[Sequence[FoundPassage]]) -> list[list[str]]:
    return [[one.text for one in passages] for passages in found]
