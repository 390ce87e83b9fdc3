"""Which models answer and embed, and how their providers are reached."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

DEFAULT_MODELS = {"openai": "openai:gpt-5.4-mini", "anthropic": "anthropic:claude-sonnet-5"}
"""What a key alone brings in, in this order."""
EMBEDDING_DIMENSIONS = {
    "openai:text-embedding-3-small": 1536,
    "openai:text-embedding-3-large": 3072,
}


class AISettings(BaseSettings):
    """Keys and addresses have the names that the providers' own tools read."""

    model_config = SettingsConfigDict(
        extra="ignore", env_ignore_empty=True, validate_default=True, use_attribute_docstrings=True
    )

    openai_api_key: SecretStr | None = None
    """Key of OpenAI's API, or of a server that speaks it."""
    openai_base_url: str = "https://api.openai.com/v1"
    """Where OpenAI's API is, with its version."""
    anthropic_api_key: SecretStr | None = None
    """Key of Anthropic's API."""
    anthropic_base_url: str = "https://api.anthropic.com"
    """Where Anthropic's API is, without a version."""
    models: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(), validation_alias="MALHA_AI_MODELS"
    )
    """Asked in this order, comma separated; the next one answers when the one before is
    unavailable. Unset: the model of each provider with a key, and `local` last."""
    embedding: str = Field(default="local", validation_alias="MALHA_AI_EMBEDDING")
    """What embeds: `local`, or an OpenAI model such as `openai:text-embedding-3-small`. Another
    choice makes vectors of another size: every document must be indexed again."""

    @field_validator("models", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return [name for part in value.split(",") if (name := part.strip())]
        return value

    @field_validator("models")
    @classmethod
    def _resolve(cls, models: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if not models:
            with_key = [name for provider, name in DEFAULT_MODELS.items() if _key(info, provider)]
            return (*with_key, "local")
        for name in models:
            provider, _, model = name.partition(":")
            if name != "local" and (provider not in DEFAULT_MODELS or not model):
                known = ", ".join(f"{provider}:<model>" for provider in DEFAULT_MODELS)
                raise ValueError(f"expected local, {known}, got {name}")
            _require_key(info, name)
        return models

    @field_validator("embedding")
    @classmethod
    def _check_embedding(cls, name: str, info: ValidationInfo) -> str:
        if name != "local" and name not in EMBEDDING_DIMENSIONS:
            known = ", ".join(EMBEDDING_DIMENSIONS)
            raise ValueError(f"expected local, {known}, got {name}")
        _require_key(info, name)
        return name

    def key(self, provider: str) -> str:
        """The provider's key; there is one if the settings name the provider."""
        secret: SecretStr | None = getattr(self, f"{provider}_api_key")
        return secret.get_secret_value() if secret else ""


def _key(info: ValidationInfo, provider: str) -> str:
    secret: SecretStr | None = info.data.get(f"{provider}_api_key")
    return secret.get_secret_value().strip() if secret else ""


def _require_key(info: ValidationInfo, name: str) -> None:
    provider = name.partition(":")[0]
    if provider != "local" and not _key(info, provider):
        raise ValueError(f"{name} needs {provider.upper()}_API_KEY, which is not set")
