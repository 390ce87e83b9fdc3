"""Assistants for tests, made as a partner would."""

from __future__ import annotations

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import CreateAssistantRequest, UpdateAssistantRequest

from services.assistants.assistants.commands import create_assistant, update_assistant
from services.assistants.settings import AssistantsSettings
from services.kit.call import Call
from services.kit.clock import Clock

CLOCK = Clock()


async def create(call: Call, name: str = "Lia", **fields: object) -> Assistant:
    request = CreateAssistantRequest(name=name, **fields)  # type: ignore[arg-type]
    return await create_assistant(call, request, clock=CLOCK, settings=AssistantsSettings())


async def update(call: Call, assistant: Assistant, **fields: object) -> Assistant:
    request = UpdateAssistantRequest(id=assistant.id, **fields)  # type: ignore[arg-type]
    return await update_assistant(call, request, clock=CLOCK)
