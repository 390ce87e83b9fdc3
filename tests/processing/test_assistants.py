"""Assistants are asked for once, and dropped when they change."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.events_pb2 import AssistantDeleted, AssistantUpdated

from services.kit.ai import AISettings
from services.kit.errors import Unavailable
from services.processing.assistants import AssistantNotFound, Assistants, Timing
from services.processing.turns.events import (
    drop_deleted_assistant,
    drop_updated_assistant,
    hear_updated_assistant,
)
from services.processing.turns.models import Models
from tests.processing.stage import Stage


def _changed(assistant: Assistant, **changes: Any) -> Assistant:
    changed = Assistant()
    changed.CopyFrom(assistant)
    changed.version += 1
    for name, value in changes.items():
        setattr(changed, name, value)
    return changed


def _asked(stage: Stage) -> int:
    return sum(name == "AssistantService.GetAssistant" for name, _ in stage.peers.asked)


async def test_an_assistant_is_asked_for_once_by_all_processes(stage: Stage) -> None:
    other_process = Assistants(stage.cache, stage.settings)
    for assistants in (stage.assistants, stage.assistants, other_process):
        assert (await assistants.get(stage.call(), stage.assistant.id)).name == "Ana"
    assert _asked(stage) == 1


async def test_a_change_reaches_every_process(stage: Stage) -> None:
    id, call = stage.assistant.id, stage.call()
    other_process = Assistants(stage.cache, stage.settings)
    for assistants in (stage.assistants, other_process):
        await assistants.get(call, id)
    stage.assistant = _changed(stage.assistant, name="Bia")
    event = AssistantUpdated(assistant=stage.assistant)
    await drop_updated_assistant(call, event, assistants=stage.assistants)
    await hear_updated_assistant(call, event, assistants=other_process)
    for assistants in (stage.assistants, other_process, Assistants(stage.cache, stage.settings)):
        assert (await assistants.get(call, id)).name == "Bia"


async def test_an_older_answer_never_wins(stage: Stage) -> None:
    old = stage.assistant
    stage.assistants.hear(stage.tenant_id, _changed(old, name="Bia"))
    stage.assistants.hear(stage.tenant_id, old)
    assert (await stage.assistants.get(stage.call(), old.id)).name == "Bia"


async def test_a_deleted_assistant_is_gone(stage: Stage) -> None:
    id, call = stage.assistant.id, stage.call()
    await stage.assistants.get(call, id)
    stage.assistant = Assistant()
    await drop_deleted_assistant(
        call, AssistantDeleted(assistant_id=id), assistants=stage.assistants
    )
    with pytest.raises(AssistantNotFound):
        await stage.assistants.get(call, id)


async def test_timing_is_the_last_known_while_the_service_is_down(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, call = stage.assistant.id, stage.call()
    stage.assistant.quiet_time.FromTimedelta(timedelta(seconds=7))
    known = await stage.assistants.timing(call, id)
    assert known == Timing(timedelta(seconds=7), timedelta(seconds=12))

    async def down(_request: object) -> None:
        raise Unavailable

    stage.peers.answers["AssistantService.GetAssistant"] = down
    await stage.cache.drop(stage.tenant_id, f"assistant:{id}:knowledge")
    monkeypatch.setattr("services.processing.assistants.time.monotonic", lambda: 1e9)
    assert await stage.assistants.timing(call, id) == known
    asked = _asked(stage)
    assert await stage.assistants.timing(call, id) == known
    assert _asked(stage) == asked, "not asked again at once"
    fresh = Assistants(stage.cache, stage.settings)
    assert await fresh.timing(call, id) == Timing(timedelta(seconds=3), timedelta(seconds=12))


def test_an_assistant_gets_the_models_it_names_as_far_as_there_are_keys(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MALHA_AI_MODELS", "local")
    monkeypatch.setenv("OPENAI_API_KEY", "sk-test")
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)
    models = Models(AISettings())
    default = models.of([])
    assert default.name == "local"
    assert models.of(["anthropic:claude", "unheard:of"]) is default
    chain = models.of(["openai:gpt-x", "anthropic:claude", "local"])
    assert chain.name == "openai:gpt-x,local"
    assert models.of(["openai:gpt-x", "local"]) is chain
