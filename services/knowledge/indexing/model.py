"""When a document counts as indexed, and how long one is waited for."""

from __future__ import annotations

import hashlib
from datetime import timedelta

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


def fingerprint(title: str, text: str, space: Space) -> bytes:
    """Changes whenever indexing a document again would give something else."""
    parts = (title, text, space.model, str(space.dimensions), str(chunking.VERSION))
    return hashlib.sha256("\0".join(parts).encode()).digest()


def resend_delay(resends: int) -> timedelta:
    """How long a document may take whose command was sent again this many times."""
    return _FIRST_PAUSE * (1 << resends)
