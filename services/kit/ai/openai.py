"""OpenAI, and every server that speaks its chat completions API.

https://platform.openai.com/docs/api-reference/chat. The SDK takes a second to import, so this
module is imported only when the settings name the provider.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import openai
from numpy.typing import NDArray
from openai.types.chat import ChatCompletionMessageParam

from services.kit.ai.answers import Draft
from services.kit.ai.base import Embedder, Prompt, ProviderRefused, ProviderUnavailable
from services.kit.ai.remote import Model, meaning
from services.kit.ai.rendering import instructions, messages

REASONING = 2_000
"""Tokens on top of the answer's: reasoning models think within the same limit."""
BATCH = 128
"""Texts in one embedding request."""
MAX_TEXT = 8_000
"""Characters of one text that are embedded; the API refuses more than 8,191 tokens."""
EMBEDDING_TIMEOUT = 20.0
"""Seconds for one embedding request."""


class OpenAI(Model):
    """A chat model of OpenAI's API."""

    def __init__(self, model: str, *, api_key: str, base_url: str) -> None:
        self.name = f"openai:{model}"
        self._model = model
        self._client = _client(api_key, base_url)

    async def ask(self, prompt: Prompt) -> Draft:
        spoken: list[ChatCompletionMessageParam] = [
            {"role": "system", "content": instructions(prompt)}
        ]
        for message in messages(prompt):
            if message.role == "user":
                spoken.append({"role": "user", "content": message.content})
            else:
                spoken.append({"role": "assistant", "content": message.content})
        with meaning(self.name, openai):
            answer = await self._client.chat.completions.create(
                model=self._model,
                messages=spoken,
                max_completion_tokens=prompt.max_tokens + REASONING,
                timeout=prompt.deadline,
            )
            choice = answer.choices[0]
            draft = Draft(
                text=choice.message.content or "",
                model=f"openai:{answer.model}",
                input_tokens=answer.usage.prompt_tokens if answer.usage else 0,
                output_tokens=answer.usage.completion_tokens if answer.usage else 0,
                cut_off=choice.finish_reason == "length",
            )
            refused = choice.message.refusal or choice.finish_reason == "content_filter"
        if refused:
            raise ProviderRefused(provider=self.name, problem="its content policy")
        return draft

    async def close(self) -> None:
        await self._client.close()


class OpenAIEmbedder(Embedder):
    """An embedding model of OpenAI's API."""

    def __init__(self, model: str, dimensions: int, *, api_key: str, base_url: str) -> None:
        self.model = f"openai:{model}"
        self.dimensions = dimensions
        self._model = model
        self._client = _client(api_key, base_url)

    async def embed(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        vectors: list[NDArray[np.float32]] = []
        for start in range(0, len(texts), BATCH):
            vectors += await self._request(texts[start : start + BATCH])
        return vectors

    async def close(self) -> None:
        await self._client.close()

    async def _request(self, texts: Sequence[str]) -> list[NDArray[np.float32]]:
        with meaning(self.model, openai):
            answer = await self._client.embeddings.create(
                model=self._model,
                # The API refuses an empty text, but a blank passage must not stop a document.
                input=[text[:MAX_TEXT] if text.strip() else "-" for text in texts],
                encoding_format="float",
                timeout=EMBEDDING_TIMEOUT,
            )
            ordered = sorted(answer.data, key=lambda item: item.index)
            vectors = [np.asarray(item.embedding, dtype=np.float32) for item in ordered]
        if [vector.shape for vector in vectors] != [(self.dimensions,)] * len(texts):
            raise ProviderUnavailable(
                provider=self.model, problem=f"vectors that are not of {self.dimensions} numbers"
            )
        return [vector / (np.linalg.norm(vector) or 1.0) for vector in vectors]


def _client(api_key: str, base_url: str) -> openai.AsyncOpenAI:
    # We retry further out, where the deadline and the other providers are known.
    return openai.AsyncOpenAI(api_key=api_key, base_url=base_url, max_retries=0)
