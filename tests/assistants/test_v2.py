"""Version 2 shows and changes the same assistants as version 1, nested."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from malha.assistants.v1 import assistant_pb2 as flat_shape
from malha.assistants.v1 import assistant_service_pb2 as v1
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
    DeleteAssistantRequest,
    GetAssistantRequest,
    UpdateAssistantRequest,
)

from services.assistants.assistants import commands as v1_commands
from services.assistants.assistants import queries as v1_queries
from services.assistants.assistants.model import AssistantNotFound, WorkspaceMissing
from services.assistants.settings import AssistantsSettings
from services.assistants.v2 import commands, queries
from services.assistants.v2.model import PATHS, flat_change, nested
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import InvalidRequest
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.testing import service_call
from services.kit.validate import validate
from tests.assistants.making import create as create_v1
from tests.assistants.making import update as update_v1

CLOCK = Clock()
ON_DATABASE = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)

MODELS = st.sampled_from(["local", "openai:gpt-5-mini", "anthropic:claude-sonnet-4-5"])
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs")), max_size=20)


def seconds(least: float, most: float) -> st.SearchStrategy[Duration]:
    def duration(milliseconds: int) -> Duration:
        made = Duration()
        made.FromTimedelta(timedelta(milliseconds=milliseconds))
        return made

    return st.integers(int(least * 1000), int(most * 1000)).map(duration)


def parts(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Any of the fields, each present or absent."""
    return st.fixed_dictionaries({}, optional=fields)


CONFIGURATIONS = parts(
    persona=parts(instructions=TEXT, language=st.sampled_from(["pt-BR", "en"])).map(
        lambda fields: Persona(**fields)
    ),
    models=st.lists(MODELS, max_size=3).map(lambda names: Models(names=names)),
    # A wait that is never too short: what is refused has tests of its own.
    buffering=parts(quiet_time=seconds(0, 60), max_wait=seconds(60, 300)).map(
        lambda fields: Buffering(**fields)
    ),
    retrieval=parts(min_score=st.floats(0, 1)).map(lambda fields: Retrieval(**fields)),
).map(lambda fields: Configuration(**fields))


async def create(
    call: Call, configuration: Configuration | None = None, name: str = "Lia"
) -> Assistant:
    request = CreateAssistantRequest(name=name, configuration=configuration)
    return await commands.create_assistant(
        call, request, clock=CLOCK, settings=AssistantsSettings()
    )


async def update(call: Call, assistant: Assistant, **fields: Any) -> Assistant:
    request = UpdateAssistantRequest(id=assistant.id, **fields)
    return await commands.update_assistant(call, request, clock=CLOCK)


async def read(call: Call, id: str) -> Assistant:
    return await queries.get_assistant(call, GetAssistantRequest(id=id))


async def read_v1(call: Call, id: str) -> flat_shape.Assistant:
    return await v1_queries.get_assistant(call, v1.GetAssistantRequest(id=id))


def flattened(assistant: Assistant) -> flat_shape.Assistant:
    """Version 1 of what version 2 shows, written down independently of the service."""
    configuration = assistant.configuration
    return flat_shape.Assistant(
        id=assistant.id,
        workspace_id=assistant.workspace_id,
        name=assistant.name,
        instructions=configuration.persona.instructions,
        language=configuration.persona.language,
        models=configuration.models.names,
        quiet_time=configuration.buffering.quiet_time,
        max_wait=configuration.buffering.max_wait,
        min_score=configuration.retrieval.min_score,
        version=assistant.version,
        create_time=assistant.create_time,
        update_time=assistant.update_time,
        etag=assistant.etag,
    )


@ON_DATABASE
@given(configuration=CONFIGURATIONS)
async def test_what_version_2_creates_is_the_same_in_both(
    call: Call, configuration: Configuration
) -> None:
    made = await create(call, configuration)
    assert await read(call, made.id) == made
    assert await read_v1(call, made.id) == flattened(made)
    assert nested(flattened(made)) == made
    validate(made)
    for part in ("persona", "models", "buffering", "retrieval"):
        given_part, shown = getattr(configuration, part), getattr(made.configuration, part)
        for field, value in given_part.ListFields():
            expected = value.strip() if field.name == "instructions" else value
            assert getattr(shown, field.name) == expected


@ON_DATABASE
@given(before=CONFIGURATIONS, change=CONFIGURATIONS)
async def test_a_change_in_version_2_is_the_change_in_version_1(
    call: Call, before: Configuration, change: Configuration
) -> None:
    one, other = await create(call, before), await create(call, before)
    request = UpdateAssistantRequest(id=other.id, configuration=change)
    in_two = await update(call, one, configuration=change)
    in_one = await v1_commands.update_assistant(call, flat_change(request), clock=CLOCK)
    assert in_two.configuration == nested(in_one).configuration
    assert in_two.version == in_one.version


@ON_DATABASE
@given(before=CONFIGURATIONS, change=CONFIGURATIONS)
async def test_absent_leaves_and_present_sets(
    call: Call, before: Configuration, change: Configuration
) -> None:
    made = await create(call, before)
    changed = await update(call, made, configuration=change)
    expected = Configuration()
    expected.CopyFrom(made.configuration)
    if change.HasField("models"):
        expected.models.CopyFrom(change.models)
    for part in ("persona", "buffering", "retrieval"):
        for field, value in getattr(change, part).ListFields():
            whole = getattr(expected, part)
            if isinstance(value, Duration):
                getattr(whole, field.name).CopyFrom(value)
            else:
                setattr(whole, field.name, value.strip() if isinstance(value, str) else value)
    if not before.buffering.HasField("max_wait") and not change.buffering.HasField("max_wait"):
        expected.buffering.max_wait.CopyFrom(changed.configuration.buffering.max_wait)
    assert changed.configuration == expected


async def test_an_empty_part_changes_nothing_but_empty_models_clear(call: Call) -> None:
    made = await create(
        call,
        Configuration(
            persona=Persona(instructions="Seja breve.", language="en"),
            models=Models(names=["local"]),
            retrieval=Retrieval(min_score=0.4),
        ),
    )
    empty = Configuration(persona=Persona(), buffering=Buffering(), retrieval=Retrieval())
    assert await update(call, made, configuration=empty) == made
    assert await update(call, made) == made
    cleared = await update(call, made, configuration=Configuration(models=Models()))
    assert list(cleared.configuration.models.names) == []
    assert cleared.configuration.persona == made.configuration.persona
    zero = Configuration(persona=Persona(instructions=""), retrieval=Retrieval(min_score=0))
    zeroed = await update(call, made, configuration=zero, name="Bia")
    assert zeroed.configuration.persona == Persona(instructions="", language="en")
    assert zeroed.configuration.retrieval == Retrieval(min_score=0)
    assert zeroed.name == "Bia"


async def test_an_etag_of_one_version_is_good_in_the_other(call: Call) -> None:
    made = await create_v1(call)
    assert (await read(call, made.id)).etag == made.etag
    second = await update(call, Assistant(id=made.id), name="Bia", etag=made.etag)
    with pytest.raises(EtagMismatch):
        await update(call, second, name="Eva", etag=made.etag)
    third = await update_v1(call, made, name="Eva", etag=second.etag)
    assert (await read(call, made.id)).etag == third.etag


@pytest.mark.parametrize(
    ("configuration", "name", "field"),
    [
        (
            Configuration(persona=Persona(instructions="a\0b")),
            "Lia",
            "configuration.persona.instructions",
        ),
        (None, "a\0b", "name"),
    ],
)
async def test_a_refused_field_has_the_path_of_version_2(
    call: Call, configuration: Configuration | None, name: str, field: str
) -> None:
    made = await create(call)
    for attempt in (
        create(call, configuration, name),
        update(call, made, configuration=configuration, name=name),
    ):
        with pytest.raises(InvalidRequest) as refusal:
            await attempt
        assert [named for named, _ in refusal.value.violations()] == [field]
        assert refusal.value.reason == "INVALID_REQUEST"
        assert refusal.value.metadata == {"fields": field}
    assert await read(call, made.id) == made


def test_every_path_exists_in_version_2_and_its_field_in_version_1() -> None:
    for field, path in PATHS.items():
        assert field in v1.CreateAssistantRequest.DESCRIPTOR.fields_by_name
        message = CreateAssistantRequest.DESCRIPTOR
        for name in path.split("."):
            message = message.fields_by_name[name].message_type  # type: ignore[assignment]


async def test_other_refusals_keep_their_reasons(call: Call, database: Database) -> None:
    with pytest.raises(WorkspaceMissing) as refusal:
        await create(service_call(database, tenant_id=new_id()))
    assert [field for field, _ in refusal.value.violations()] == ["workspace_id"]
    unknown = Assistant(id=new_id())
    for attempt in (read(call, unknown.id), update(call, unknown, name="Eu")):
        with pytest.raises(AssistantNotFound):
            await attempt


async def test_what_version_2_deletes_is_gone_from_both(call: Call) -> None:
    made = await create(call)
    await commands.delete_assistant(call, DeleteAssistantRequest(id=made.id), clock=CLOCK)
    for attempt in (read(call, made.id), read_v1(call, made.id)):
        with pytest.raises(AssistantNotFound):
            await attempt
