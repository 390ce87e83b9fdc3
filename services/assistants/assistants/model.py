"""What an assistant's configuration may be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    CreateAssistantRequest,
    UpdateAssistantRequest,
)

from services.kit.errors import InvalidRequest, NotFound
from services.kit.etags import with_etag
from services.kit.rows import from_row

DEFAULT_LANGUAGE = "pt-BR"
LEAST_WAIT = timedelta(seconds=12)
QUIET_TIMES_TO_WAIT = 4


class AssistantNotFound(NotFound):
    """No assistant has the id {id}."""


class WorkspaceMissing(InvalidRequest):
    """An assistant belongs to a workspace, and this caller has none."""

    def __init__(self) -> None:
        super().__init__([("workspace_id", "comes from the caller's identity, which has none")])


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything about an assistant that a version keeps."""

    name: str
    instructions: str
    language: str
    models: tuple[str, ...]
    quiet_time: timedelta
    max_wait: timedelta | None
    """None follows the quiet time, also when that changes."""
    min_score: float

    def __post_init__(self) -> None:
        for field in ("name", "instructions"):
            if "\0" in getattr(self, field):
                raise InvalidRequest([(field, "must not contain the character U+0000")])

    @classmethod
    def requested(cls, request: CreateAssistantRequest, quiet_time: timedelta) -> Configuration:
        """What a new assistant is to be; `quiet_time` counts unless the request has its own."""
        return cls(
            name=_trimmed(request.name),
            instructions=_trimmed(request.instructions),
            language=request.language or DEFAULT_LANGUAGE,
            models=tuple(request.models),
            quiet_time=(
                request.quiet_time.ToTimedelta() if request.HasField("quiet_time") else quiet_time
            ),
            max_wait=request.max_wait.ToTimedelta() if request.HasField("max_wait") else None,
            min_score=request.min_score,
        )

    @classmethod
    def stored(cls, row: Mapping[str, Any]) -> Configuration:
        """What an assistant is now."""
        return cls(
            name=row["name"],
            instructions=row["instructions"],
            language=row["language"],
            models=tuple(row["models"]),
            quiet_time=row["quiet_time"],
            max_wait=row["max_wait"],
            min_score=row["min_score"],
        )

    def changed_by(self, request: UpdateAssistantRequest) -> Configuration:
        """What it becomes: absent leaves, present sets, empty clears."""
        changes: dict[str, Any] = {}
        for text in ("name", "instructions"):
            if request.HasField(text):
                changes[text] = _trimmed(getattr(request, text))
        for plain in ("language", "min_score"):
            if request.HasField(plain):
                changes[plain] = getattr(request, plain)
        for duration in ("quiet_time", "max_wait"):
            if request.HasField(duration):
                changes[duration] = getattr(request, duration).ToTimedelta()
        if request.HasField("models"):
            changes["models"] = tuple(request.models.names)
        return replace(self, **changes)


def _trimmed(text: str) -> str:
    # What is nothing but exotic blanks is kept: the contract has found it visible.
    return text.strip() or text


def longest_wait(quiet_time: timedelta) -> timedelta:
    """How long anybody waits at the most, where the business has not said."""
    return max(LEAST_WAIT, QUIET_TIMES_TO_WAIT * quiet_time)


def assistant_of(row: Mapping[str, Any]) -> Assistant:
    """A row as everybody else sees it: with the wait that counts, and its etag."""
    assistant = from_row(Assistant, row)
    if row["max_wait"] is None:
        assistant.max_wait.FromTimedelta(longest_wait(row["quiet_time"]))
    return with_etag(assistant)
