"""What ingestion needs to know beside the kit's settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class IngestionSettings(BaseSettings):
    """Environment names begin with MALHA_INGESTION_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_INGESTION_", extra="ignore", use_attribute_docstrings=True
    )

    graph_url: str = "https://graph.facebook.com/v26.0"
    """Meta's Graph API with its version."""
    send_timeout: timedelta = Field(
        default=timedelta(seconds=15), gt=timedelta(0), le=timedelta(seconds=60)
    )
    """How long one send may take before its outcome counts as unknown."""
    send_attempts: int = Field(default=8, ge=1, le=50)
    """How often a message that was certainly not sent is tried before it counts as failed."""

    @field_validator("graph_url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        if not url.startswith(("https://", "http://")):
            raise ValueError("expected an http(s) address with a version, e.g. https://…/v26.0")
        return url.rstrip("/")
