"""Assistants on the real database: versions, events, and who sees what."""

from __future__ import annotations

from datetime import timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    DeleteAssistantRequest,
    GetAssistantRequest,
    ListAssistantsRequest,
)
from malha.assistants.v1.events_pb2 import AssistantCreated, AssistantDeleted, AssistantUpdated

from services.assistants.assistants.commands import delete_assistant
from services.assistants.assistants.model import AssistantNotFound, WorkspaceMissing
from services.assistants.assistants.queries import get_assistant, list_assistants
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import InvalidRequest
from services.kit.ids import new_id
from services.kit.testing import service_call
from tests.assistants.conftest import Emitted, Partner
from tests.assistants.making import create, update


async def delete(call: Call, assistant: Assistant) -> Empty:
    return await delete_assistant(call, DeleteAssistantRequest(id=assistant.id), clock=Clock())


async def read(call: Call, assistant: Assistant) -> Assistant:
    return await get_assistant(call, GetAssistantRequest(id=assistant.id))


async def names(call: Call) -> list[str]:
    page = await list_assistants(call, ListAssistantsRequest())
    return [one.name for one in page.assistants]


async def test_a_new_assistant_has_the_defaults_and_everyone_hears(
    call: Call, emitted: Emitted
) -> None:
    assistant = await create(call)
    assert assistant.language == "pt-BR"
    assert assistant.quiet_time.ToTimedelta() == timedelta(seconds=3)
    assert assistant.max_wait.ToTimedelta() == timedelta(seconds=12)
    assert (assistant.version, assistant.workspace_id) == (1, call.workspace_id)
    assert assistant.create_time == assistant.update_time
    assert await read(call, assistant) == assistant
    assert await emitted(call, AssistantCreated) == [AssistantCreated(assistant=assistant)]


async def test_a_caller_without_a_workspace_cannot_create(database: Database) -> None:
    with pytest.raises(WorkspaceMissing):
        await create(service_call(database, tenant_id=new_id()))


async def test_a_change_makes_a_version_and_everyone_hears(call: Call, emitted: Emitted) -> None:
    first = await create(call, instructions="Seja breve.", models=["local"])
    second = await update(call, first, name="Bia", quiet_time=Duration(seconds=5))
    assert (second.name, second.version) == ("Bia", 2)
    assert second.instructions == "Seja breve."
    assert second.max_wait.ToTimedelta() == timedelta(seconds=20)
    assert second.update_time.ToDatetime() > first.update_time.ToDatetime()
    assert await read(call, first) == second
    assert await emitted(call, AssistantUpdated) == [AssistantUpdated(assistant=second)]
    async with call.transaction() as tx:
        rows = await tx.all(
            "SELECT version, name, models FROM assistants.assistant_versions ORDER BY version"
        )
    assert [dict(row) for row in rows] == [
        {"version": 1, "name": "Lia", "models": ["local"]},
        {"version": 2, "name": "Bia", "models": ["local"]},
    ]


async def test_a_change_that_changes_nothing_makes_no_version(call: Call, emitted: Emitted) -> None:
    assistant = await create(call)
    assert await update(call, assistant, name="Lia") == assistant
    assert await update(call, assistant) == assistant
    assert await emitted(call, AssistantUpdated) == []


async def test_a_refused_change_changes_nothing(call: Call, emitted: Emitted) -> None:
    assistant = await create(call)
    with pytest.raises(InvalidRequest):
        await update(call, assistant, instructions="\0")
    assert await read(call, assistant) == assistant
    assert await emitted(call, AssistantUpdated) == []


async def test_a_deleted_assistant_is_out_of_sight_and_its_versions_stay(
    call: Call, emitted: Emitted
) -> None:
    assistant = await create(call)
    for _ in range(2):
        assert await delete(call, assistant) == Empty()
    with pytest.raises(AssistantNotFound):
        await read(call, assistant)
    with pytest.raises(AssistantNotFound):
        await update(call, assistant, name="Bia")
    assert await names(call) == []
    assert await emitted(call, AssistantDeleted) == [AssistantDeleted(assistant_id=assistant.id)]
    async with call.transaction() as tx:
        assert await tx.value("SELECT count(*) FROM assistants.assistant_versions") == 1


async def test_an_id_that_never_was_is_not_found(call: Call) -> None:
    unknown = Assistant(id=new_id())
    for attempt in (read(call, unknown), update(call, unknown), delete(call, unknown)):
        with pytest.raises(AssistantNotFound) as refusal:
            await attempt
        assert refusal.value.metadata == {"id": unknown.id}


async def test_a_workspace_sees_its_own_only_and_a_service_all(
    call: Call, partner: Partner, database: Database, emitted: Emitted
) -> None:
    assistant = await create(call)
    strangers = [
        partner(call.tenant_id),
        partner(workspace_id=call.workspace_id),
        service_call(database, tenant_id=new_id()),
    ]
    for stranger in strangers:
        assert await names(stranger) == []
        attempts = (read(stranger, assistant), update(stranger, assistant, name="Eu"))
        for attempt in (*attempts, delete(stranger, assistant)):
            with pytest.raises(AssistantNotFound):
                await attempt
    service = service_call(database, tenant_id=call.tenant_id)
    assert await read(service, assistant) == assistant
    assert await names(service) == ["Lia"]
    assert await emitted(call, AssistantDeleted) == []


async def test_a_list_shows_the_newest_first_page_by_page(call: Call) -> None:
    for number in range(5):
        await create(call, str(number))
    shown: list[str] = []
    token = ""
    for _ in range(3):
        request = ListAssistantsRequest(page_size=2, page_token=token)
        page = await list_assistants(call, request)
        shown += [one.name for one in page.assistants]
        token = page.next_page_token
    assert shown == ["4", "3", "2", "1", "0"]
    assert token == ""
