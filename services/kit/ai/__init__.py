"""Language models and embedders: one interface each, one file per provider, one table.

The official SDKs take a second each to import, so a provider's module is imported when it is named.
"""

from __future__ import annotations

from collections.abc import Callable

from services.kit.ai.base import LLM, Completion, Embedder, Prompt
from services.kit.ai.fallback import Fallback
from services.kit.ai.local import Local
from services.kit.ai.settings import EMBEDDING_DIMENSIONS, AISettings

__all__ = [
    "LLM",
    "PROVIDERS",
    "AISettings",
    "Completion",
    "Embedder",
    "Prompt",
    "open_embedder",
    "open_llm",
]


def _local(model: str, settings: AISettings) -> LLM:
    return Local()


def _openai(model: str, settings: AISettings) -> LLM:
    from services.kit.ai.openai import OpenAI

    return OpenAI(model, api_key=settings.key("openai"), base_url=settings.openai_base_url)


def _anthropic(model: str, settings: AISettings) -> LLM:
    from services.kit.ai.anthropic import Anthropic

    return Anthropic(model, api_key=settings.key("anthropic"), base_url=settings.anthropic_base_url)


PROVIDERS: dict[str, Callable[[str, AISettings], LLM]] = {
    "local": _local,
    "openai": _openai,
    "anthropic": _anthropic,
}


def open_llm(settings: AISettings) -> LLM:
    """The models that the settings name, as one."""
    names = [name.partition(":") for name in settings.models]
    return Fallback(*(PROVIDERS[provider](model, settings) for provider, _, model in names))


def open_embedder(settings: AISettings) -> Embedder:
    """The embedder that the settings name; the local one begins to load at once."""
    if settings.embedding != "local":
        from services.kit.ai.openai import OpenAIEmbedder

        return OpenAIEmbedder(
            settings.embedding.partition(":")[2],
            EMBEDDING_DIMENSIONS[settings.embedding],
            api_key=settings.key("openai"),
            base_url=settings.openai_base_url,
        )
    from services.kit.ai.sentence_encoder import SentenceEncoder

    return SentenceEncoder()
