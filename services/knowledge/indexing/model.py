"""When a document counts as indexed, and how long one is waited for."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from malha.knowledge.v1.document_pb2 import DOCUMENT_STATUS_FAILED, DOCUMENT_STATUS_READY

from services.knowledge.indexing import chunking
from services.knowledge.stores.base import Space

TIMER = "index_document"
MAX_RESENDS = 10
"""With doubling pauses: a document that was not indexed after a day and a half never will be."""
_FIRST_PAUSE = timedelta(minutes=1)

# What a business reads as the reason.
NOTHING_TO_READ = "O documento não tem texto além do título."
EMBEDDER_REFUSED = "O serviço que lê os documentos recusou este texto ou a configuração dele."
NEVER_FINISHED = "O documento não pôde ser processado depois de várias tentativas."


@dataclass(frozen=True, slots=True)
class Outcome:
    """How indexing a document ended."""

    status: int
    failure_reason: str = ""
    passage_count: int | None = None
    """None: answers go on using the passages of before."""
    fingerprint: bytes | None = None

    @classmethod
    def ready(cls, passage_count: int, fingerprint: bytes) -> Outcome:
        """Answers can use these passages."""
        return cls(DOCUMENT_STATUS_READY, "", passage_count, fingerprint)

    @classmethod
    def empty(cls) -> Outcome:
        """There is nothing that answers could use, of before neither."""
        return cls(DOCUMENT_STATUS_FAILED, NOTHING_TO_READ, 0)

    @classmethod
    def failed(cls, reason: str) -> Outcome:
        """It could not be read; what was before it stays in use."""
        return cls(DOCUMENT_STATUS_FAILED, reason)


def fingerprint(title: str, text: str, space: Space) -> bytes:
    """Changes whenever indexing a document again would give something else."""
    parts = (title, text, space.model, str(space.dimensions), str(chunking.VERSION))
    return hashlib.sha256("\0".join(parts).encode()).digest()


def resend_delay(resends: int) -> timedelta:
    """How long a document may take whose command was sent again this many times."""
    return _FIRST_PAUSE * (1 << resends)
