"""Passages in memory: what tests use instead of a database, held to the same contract."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

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
from services.knowledge.stores.ranking import CANDIDATES, rank

if TYPE_CHECKING:
    from services.knowledge.stores.base import Vector


@dataclass(frozen=True, slots=True)
class _Shelf:
    source: Source
    space: Space
    passages: list[tuple[str, NewPassage]]


class MemoryStore(VectorStore):
    """Compares every passage with every query."""

    def __init__(self) -> None:
        self._shelves: dict[tuple[str, str], _Shelf] = {}

    async def replace(
        self, call: Call, source: Source, space: Space, passages: Sequence[NewPassage]
    ) -> bool:
        before = self._shelves.get((call.tenant_id, source.document_id))
        if before is not None and before.source.revision > source.revision:
            return False
        named = [(new_id(), passage) for passage in passages]
        self._shelves[call.tenant_id, source.document_id] = _Shelf(source, space, named)
        return True

    async def search(
        self,
        call: Call,
        assistant_id: str,
        space: Space,
        queries: Sequence[Query],
        *,
        limit: int,
        min_score: float,
    ) -> list[list[FoundPassage]]:
        shelves = [
            shelf
            for (tenant_id, _), shelf in self._shelves.items()
            if tenant_id == call.tenant_id
            and shelf.space == space
            and shelf.source.assistant_id == assistant_id
            and call.workspace_id in ("", shelf.source.workspace_id)
        ]
        return [
            rank(query.text, _nearest(shelves, query.vector), limit=limit, min_score=min_score)
            for query in queries
        ]


def _nearest(shelves: Sequence[_Shelf], vector: Vector) -> list[FoundPassage]:
    found = [
        FoundPassage(
            id,
            shelf.source.document_id,
            shelf.source.title,
            passage.text,
            min(1.0, float(passage.vector @ vector)),
        )
        for shelf in shelves
        for id, passage in shelf.passages
    ]
    return sorted(found, key=lambda one: -one.score)[:CANDIDATES]
