"""Which language models answer for an assistant."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from cachetools import LRUCache

from services.kit.ai import LLM, PROVIDERS, AISettings, open_llm
from services.kit.ai.settings import DEFAULT_MODELS

_CHAINS = 64
_LONGEST_ANSWER = 120.0
"""Seconds after which nobody who was given a chain still waits for its answer."""

Chain = tuple[str, ...]


class Models:
    """The chain of models that an assistant names, or the platform's."""

    def __init__(self, settings: AISettings) -> None:
        self._settings = settings
        self._default = open_llm(settings)
        self._chains = _Chains(self._retire)
        self._retired: dict[asyncio.Task[None], LLM] = {}

    def of(self, names: Sequence[str]) -> LLM:
        """The models with these names, in order, as far as this installation has their keys."""
        usable = tuple(filter(None, map(self._usable, names)))
        if not usable or usable == self._settings.models:
            return self._default
        if usable not in self._chains:
            self._chains[usable] = open_llm(self._settings.model_copy(update={"models": usable}))
        return self._chains[usable]

    async def close(self) -> None:
        """Give back every connection, the retired chains' too."""
        for task in self._retired:
            task.cancel()
        for chain in (self._default, *self._chains.values(), *[*self._retired.values()]):
            await chain.close()

    def _retire(self, chain: LLM) -> None:
        task = asyncio.get_running_loop().create_task(_close_later(chain))
        self._retired[task] = chain
        task.add_done_callback(self._retired.pop)

    def _usable(self, name: str) -> str:
        provider, _, model = name.partition(":")
        if provider == "local":
            return provider
        if provider not in PROVIDERS or not self._settings.key(provider).strip():
            return ""
        return name if model else DEFAULT_MODELS[provider]


class _Chains(LRUCache[Chain, LLM]):
    """The chains used last; the one that has to go is retired."""

    def __init__(self, retire: Callable[[LLM], None]) -> None:
        super().__init__(_CHAINS)
        self._retire = retire

    def popitem(self) -> tuple[Chain, LLM]:
        names, chain = super().popitem()
        self._retire(chain)
        return names, chain


async def _close_later(chain: LLM) -> None:
    # Another turn may be waiting for this chain's answer just now.
    await asyncio.sleep(_LONGEST_ANSWER)
    await chain.close()
