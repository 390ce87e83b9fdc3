"""Passages in PostgreSQL, with the pgvector extension."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

import orjson

from services.kit.call import Call
from services.kit.ids import new_id
from services.kit.sql import load_sql
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

sql = load_sql(__package__, "pgvector.sql")

_BATCH = 200
"""Passages in one statement: a few megabytes."""


class PgvectorStore(VectorStore):
    """Three steps: signatures of one bit per dimension choose candidates, full vectors choose the
    nearest of them, and words decide their order.

    The first step reads all of an assistant's signatures. An HNSW index found half as much where
    many passages are alike, and comparing all of them in full took twice as long; README.md has
    the figures.
    """

    async def replace(
        self, call: Call, source: Source, space: Space, passages: Sequence[NewPassage]
    ) -> bool:
        async with call.transaction() as tx:
            if not await tx.value(sql.lock_document, source.document_id, source.revision):
                return False
            await tx.run(sql.delete_passages, source.document_id)
            remaining = enumerate(passages)
            while batch := list(islice(remaining, _BATCH)):
                await tx.run(
                    sql.insert_passages,
                    source.document_id,
                    source.assistant_id,
                    source.workspace_id,
                    space.model,
                    space.dimensions,
                    [new_id() for _ in batch],
                    [position for position, _ in batch],
                    [passage.text for _, passage in batch],
                    list(_written(passage.vector for _, passage in batch)),
                )
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
        rows = await call.all(
            sql.search,
            assistant_id,
            call.workspace_id,
            space.model,
            space.dimensions,
            list(_written(query.vector for query in queries)),
            CANDIDATES,
        )
        nearest: list[list[FoundPassage]] = [[] for _ in queries]
        for row in rows:
            nearest[row["number"] - 1].append(
                FoundPassage(row["id"], row["document_id"], row["title"], row["text"], row["score"])
            )
        return [
            rank(query.text, found, limit=limit, min_score=min_score)
            for query, found in zip(queries, nearest, strict=True)
        ]


def _written(vectors: Iterator[Vector]) -> Iterator[str]:
    """Vectors as pgvector reads them. orjson writes 512 numbers in 10 µs."""
    for vector in vectors:
        yield orjson.dumps(vector, option=orjson.OPT_SERIALIZE_NUMPY).decode()
