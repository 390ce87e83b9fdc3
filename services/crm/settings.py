"""crm's own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class CrmSettings(BaseSettings):
    """Environment names begin with MALHA_CRM_."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_CRM_", extra="ignore", use_attribute_docstrings=True
    )

    access_token_time: timedelta = Field(default=timedelta(hours=1), le=timedelta(days=1))
    """How long a person's access token lasts."""
