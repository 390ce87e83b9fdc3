"""What the operator's commands need to know."""

from __future__ import annotations

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class OperatorSettings(BaseSettings):
    """For `python -m services`, beside what every process needs."""

    model_config = SettingsConfigDict(
        env_prefix="MALHA_", extra="ignore", use_attribute_docstrings=True
    )

    database_passwords: dict[str, SecretStr] = Field(default_factory=dict)
    """Passwords of the services' roles: JSON, role to password."""
    sandbox_url: str = "http://127.0.0.1:8090"
    """Where the stand-in of Meta's Graph API is, for the demo tenant."""
    nats_replicas: int = Field(default=1, ge=1, le=5)
    """Copies of each stream; 3 in production."""
