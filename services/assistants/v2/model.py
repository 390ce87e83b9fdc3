"""The two shapes of an assistant: flat in version 1 of the API, nested in version 2."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from malha.assistants.v1 import assistant_pb2, assistant_service_pb2
from malha.assistants.v1.assistant_service_pb2 import ModelList
from malha.assistants.v2.assistant_pb2 import (
    Assistant,
    Buffering,
    Configuration,
    Models,
    Persona,
    Retrieval,
)
from malha.assistants.v2.assistant_service_pb2 import (
    CreateAssistantRequest,
    UpdateAssistantRequest,
)

from services.kit.errors import InvalidRequest

PATHS = {
    "instructions": "configuration.persona.instructions",
    "language": "configuration.persona.language",
    "models": "configuration.models.names",
    "quiet_time": "configuration.buffering.quiet_time",
    "max_wait": "configuration.buffering.max_wait",
    "min_score": "configuration.retrieval.min_score",
}
"""Where version 2 has the fields of version 1 that it nests."""


def nested(assistant: assistant_pb2.Assistant) -> Assistant:
    """An assistant as version 2 shows it, with the same etag: either version may be sent it."""
    return Assistant(
        id=assistant.id,
        workspace_id=assistant.workspace_id,
        name=assistant.name,
        configuration=Configuration(
            persona=Persona(instructions=assistant.instructions, language=assistant.language),
            models=Models(names=assistant.models),
            buffering=Buffering(quiet_time=assistant.quiet_time, max_wait=assistant.max_wait),
            retrieval=Retrieval(min_score=assistant.min_score),
        ),
        version=assistant.version,
        create_time=assistant.create_time,
        update_time=assistant.update_time,
        etag=assistant.etag,
    )


def flat_creation(request: CreateAssistantRequest) -> assistant_service_pb2.CreateAssistantRequest:
    """What version 1 would have been asked; there, too, what is absent is the default."""
    wanted = request.configuration
    buffering = wanted.buffering
    return assistant_service_pb2.CreateAssistantRequest(
        name=request.name,
        instructions=wanted.persona.instructions,
        language=wanted.persona.language,
        models=wanted.models.names,
        quiet_time=buffering.quiet_time if buffering.HasField("quiet_time") else None,
        max_wait=buffering.max_wait if buffering.HasField("max_wait") else None,
        min_score=wanted.retrieval.min_score,
    )


def flat_change(request: UpdateAssistantRequest) -> assistant_service_pb2.UpdateAssistantRequest:
    """What version 1 would have been asked. A part that is absent changes nothing."""
    flat = assistant_service_pb2.UpdateAssistantRequest(id=request.id, etag=request.etag)
    wanted = request.configuration
    if request.HasField("name"):
        flat.name = request.name
    if wanted.persona.HasField("instructions"):
        flat.instructions = wanted.persona.instructions
    if wanted.persona.HasField("language"):
        flat.language = wanted.persona.language
    if wanted.HasField("models"):
        flat.models.CopyFrom(ModelList(names=wanted.models.names))
    if wanted.buffering.HasField("quiet_time"):
        flat.quiet_time.CopyFrom(wanted.buffering.quiet_time)
    if wanted.buffering.HasField("max_wait"):
        flat.max_wait.CopyFrom(wanted.buffering.max_wait)
    if wanted.retrieval.HasField("min_score"):
        flat.min_score = wanted.retrieval.min_score
    return flat


@contextmanager
def nested_paths() -> Iterator[None]:
    """Name the fields at fault as version 2 has them."""
    try:
        yield
    except InvalidRequest as refusal:
        named = [(PATHS.get(field, field), text) for field, text in refusal.violations()]
        if named == list(refusal.violations()):
            raise
        raise InvalidRequest(named) from None
