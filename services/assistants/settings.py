"""assistants' own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class AssistantsSettings(BaseSettings):
    """Environment names begin with MALHA_ASSISTANTS_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_ASSISTANTS_", extra="ignore", use_attribute_docstrings=True
    )

    quiet_time: timedelta = Field(
        default=timedelta(seconds=3), ge=timedelta(0), le=timedelta(seconds=60)
    )
    """How long a customer pauses before the assistant answers, where an assistant does not say."""
