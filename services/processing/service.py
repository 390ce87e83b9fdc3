"""processing's table of contents."""

from __future__ import annotations

from collections.abc import AsyncIterator

from dishka import Provider, Scope, provide
from malha.ingestion.v1.commands_pb2 import DeliverMessage
from malha.processing.v1.commands_pb2 import GenerateReply

from services.kit.ai import AISettings
from services.kit.service import Service
from services.kit.settings import read_settings
from services.processing import buffering, conversations, turns, v2
from services.processing.assistants import Assistants
from services.processing.settings import ProcessingSettings
from services.processing.timers import BufferTimers
from services.processing.turns.models import Models


class ProcessingProvider(Provider):
    """What this service's functions ask for beyond the kit."""

    scope = Scope.APP
    assistants = provide(Assistants)
    timers = provide(BufferTimers)

    @provide
    def ai(self) -> AISettings:
        return read_settings(AISettings)

    @provide
    async def models(self, settings: AISettings) -> AsyncIterator[Models]:
        models = Models(settings)
        yield models
        await models.close()


SERVICE = Service(
    "processing",
    ProcessingSettings,
    [ProcessingProvider()],
    [conversations.CONTEXT, v2.CONTEXT, buffering.CONTEXT, turns.CONTEXT],
    sends=(GenerateReply, DeliverMessage),
)
