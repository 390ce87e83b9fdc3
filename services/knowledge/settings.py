"""knowledge's own settings."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from services.kit.ai.base import DEFAULT_MIN_SCORE


class KnowledgeSettings(BaseSettings):
    """Environment names begin with MALHA_KNOWLEDGE_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_KNOWLEDGE_", extra="ignore", use_attribute_docstrings=True
    )

    min_score: float = Field(default=DEFAULT_MIN_SCORE, gt=0, le=1)
    """How similar a passage must be to count, where neither the search nor the assistant says."""
