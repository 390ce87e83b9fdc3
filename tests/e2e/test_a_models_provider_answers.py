"""With a provider's key and base URL set, the same path runs on the official SDKs.

The provider is llmock, an independent mock server of both APIs; its pytest fixture sets
OPENAI_* and ANTHROPIC_* for the processes this test starts.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

from llmock.pytest_plugin import LLMock

from services.kit.devstack.mesh import Mesh
from tests.outside import new_customer, outside

QUESTION = "Qual é o prazo para trocar um produto?"
REPLY = "Você tem 30 dias para trocar, com a etiqueta. [1]"


async def test_both_providers_answer_and_local_answers_when_they_are_down(llmock: LLMock) -> None:
    directory = Path(tempfile.mkdtemp(prefix="malha-llm-"))
    try:
        async with Mesh(directory, durable=False) as mesh, outside(mesh.demo) as world:
            assistant = f"/v1/assistants/{mesh.demo['assistant_id']}"
            for provider in ("openai", "anthropic"):
                llmock.reply(REPLY, times=None, provider=provider)
            seen = []
            for models in (["openai:gpt-5.4-mini"], ["anthropic:claude-sonnet-5"], []):
                answer = await world.rest("PATCH", assistant, {"models": {"names": models}})
                assert answer.body["models"] == models
                customer = new_customer()
                await world.write(customer, QUESTION)
                text = await world.first_answer(customer)
                assert text.startswith("Você tem 30 dias para trocar, com a etiqueta.")
                assert "Fonte: " in text
                seen.append(llmock.last_request.provider)
            assert seen == ["openai", "anthropic", "openai"]
            assert QUESTION in str(llmock.last_request.body)

            llmock.outage()
            customer = new_customer()
            await world.write(customer, QUESTION)
            assert "30 dias" in await world.first_answer(customer, 60)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
