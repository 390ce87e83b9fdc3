"""What a vector store is to the rest of knowledge.

It holds nothing that cannot be made again: the documents are in PostgreSQL, and indexing them
once more fills an empty store.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from services.kit.call import Call

if TYPE_CHECKING:  # numpy costs a third of a second, and only embedders need it.
    import numpy as np
    from numpy.typing import NDArray

    Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Space:
    """What made a vector. Vectors of different spaces are never compared."""

    model: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Source:
    """The document that passages are from."""

    document_id: str
    assistant_id: str
    workspace_id: str
    title: str
    revision: int = 1
    """Grows with each change of the document."""


@dataclass(frozen=True, slots=True, eq=False)
class NewPassage:
    """A piece of a document that is to be found."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """What is searched for: the words, and the vector that the passages' model makes of them."""

    text: str
    vector: Vector


@dataclass(frozen=True, slots=True)
class FoundPassage:
    """A piece of a document that was found."""

    id: str
    document_id: str
    title: str
    text: str
    score: float
    """From 0 to 1, of its meaning and its words: see `ranking.rank`."""


class VectorStore(ABC):
    """Finds passages by their meaning and words, for one tenant at a time: the call's."""

    @abstractmethod
    async def replace(
        self, call: Call, source: Source, space: Space, passages: Sequence[NewPassage]
    ) -> bool:
        """Put these passages in the place of all that the document had, at once.

        No search sees a part of them. False, and nothing is done, when the document is gone or has
        a later revision by now.
        """

    @abstractmethod
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
        """For each query the assistant's best passages, in the order that `ranking.rank` gives.

        Only passages of the space and of the call's workspace count; a call without a workspace
        sees those of every workspace.
        """
