"""Anthropic's Claude models. https://docs.anthropic.com/en/api/messages.

The SDK takes a second to import, so this module is imported only when the settings name the
provider.
"""

from __future__ import annotations

import anthropic
from anthropic.types import MessageParam

from services.kit.ai.answers import Draft
from services.kit.ai.base import Prompt, ProviderRefused
from services.kit.ai.remote import Model, meaning
from services.kit.ai.rendering import instructions, messages


class Anthropic(Model):
    """A model of Anthropic's messages API."""

    def __init__(self, model: str, *, api_key: str, base_url: str) -> None:
        self.name = f"anthropic:{model}"
        self._model = model
        # We retry further out, where the deadline and the other providers are known.
        self._client = anthropic.AsyncAnthropic(api_key=api_key, base_url=base_url, max_retries=0)

    async def ask(self, prompt: Prompt) -> Draft:
        spoken: list[MessageParam] = []
        for message in messages(prompt):
            if message.role == "user":
                spoken.append({"role": "user", "content": message.content})
            else:
                spoken.append({"role": "assistant", "content": message.content})
        with meaning(self.name, anthropic):
            answer = await self._client.messages.create(
                model=self._model,
                system=instructions(prompt),
                messages=spoken,
                max_tokens=prompt.max_tokens,
                timeout=prompt.deadline,
            )
            draft = Draft(
                text="".join(part.text for part in answer.content if part.type == "text"),
                model=f"anthropic:{answer.model}",
                input_tokens=answer.usage.input_tokens,
                output_tokens=answer.usage.output_tokens,
                cut_off=answer.stop_reason == "max_tokens",
            )
        if answer.stop_reason == "refusal":
            raise ProviderRefused(provider=self.name, problem="its content policy")
        return draft

    async def close(self) -> None:
        await self._client.close()
