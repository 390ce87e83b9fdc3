"""Where passages and their vectors are kept: one file per store."""

from services.knowledge.stores.base import VectorStore
from services.knowledge.stores.memory import MemoryStore
from services.knowledge.stores.pgvector import PgvectorStore

__all__ = ["MemoryStore", "PgvectorStore", "VectorStore"]
