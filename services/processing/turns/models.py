"""Which language models answer for an assistant."""

from __future__ import annotations

from collections.abc import Sequence

from cachetools import LRUCache

from services.kit.ai import LLM, PROVIDERS, AISettings, open_llm
from services.kit.ai.settings import DEFAULT_MODELS

_CHAINS = 64


class Models:
    """The chain of models that an assistant names, or the platform's."""

    def __init__(self, settings: AISettings) -> None:
        self._settings = settings
        self._default = open_llm(settings)
        self._chains: LRUCache[tuple[str, ...], LLM] = LRUCache(_CHAINS)

    def of(self, names: Sequence[str]) -> LLM:
        """The models with these names, in order, as far as this installation has their keys."""
        usable = tuple(filter(None, map(self._usable, names)))
        if not usable or usable == self._settings.models:
            return self._default
        if usable not in self._chains:
            self._chains[usable] = open_llm(self._settings.model_copy(update={"models": usable}))
        return self._chains[usable]

    def _usable(self, name: str) -> str:
        provider, _, model = name.partition(":")
        if provider == "local":
            return provider
        if provider not in PROVIDERS or not self._settings.key(provider).strip():
            return ""
        return name if model else DEFAULT_MODELS[provider]
