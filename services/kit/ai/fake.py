"""A model and an embedder for tests of the services, which behave as badly as they are told to."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.kit.ai.answers import Draft
from services.kit.ai.base import Embedder, Prompt
from services.kit.ai.remote import Model
from services.kit.ai.words import stems
from services.kit.errors import AppError


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How one call goes."""

    text: str = "Uma resposta."
    """As the model writes it, with `[1]` for a source; empty or huge is fine."""
    delay: float = 0.0
    """Seconds before it answers or fails."""
    error: AppError | None = None


class Fake(Model):
    """Behaves as told, one behaviour for each call; the last one stays. Remembers its prompts."""

    def __init__(self, *behaviours: Behaviour, name: str = "fake") -> None:
        self.name = name
        self.prompts: list[Prompt] = []
        self._behaviours = list(behaviours) or [Behaviour()]

    async def ask(self, prompt: Prompt) -> Draft:
        self.prompts.append(prompt)
        many = len(self._behaviours) > 1
        behaviour = self._behaviours.pop(0) if many else self._behaviours[0]
        await asyncio.sleep(behaviour.delay)
        if behaviour.error:
            raise behaviour.error
        words = sum(len(turn.text.split()) for turn in prompt.turns)
        return Draft(behaviour.text, self.name, words, len(behaviour.text.split()))


class FakeEmbedder(Embedder):
    """Texts are alike when they share words. No weights to load."""

    model = "fake-words"

    def __init__(self, dimensions: int = 512) -> None:
        self.dimensions = dimensions

    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        return [self._vector(text) for text in texts]

    def _vector(self, text: str) -> NDArray[np.float32]:
        vector = np.zeros(self.dimensions, dtype=np.float32)
        for stem in stems(text) or {"-"}:
            vector[zlib.crc32(stem.encode()) % self.dimensions] += 1.0
        return vector / np.linalg.norm(vector)
