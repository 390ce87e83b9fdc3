"""Nobody overwrites what they have not read, and nobody has more assistants than their plan."""

from __future__ import annotations

import asyncio

import pytest
from malha.assistants.v1.assistant_service_pb2 import (
    CountAssistantsRequest,
    DeleteAssistantRequest,
    GetAssistantRequest,
)
from malha.assistants.v1.events_pb2 import AssistantCreated, AssistantUpdated

from services.assistants.assistants.commands import delete_assistant
from services.assistants.assistants.queries import count_assistants, get_assistant
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import InvalidRequest
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.limits import Limits, PlanLimitReached
from services.kit.testing import partner_call, service_call
from tests.assistants.conftest import Emitted, Partner
from tests.assistants.making import create, update


def on_plan(database: Database, assistants: int, tenant_id: str = "") -> Call:
    """A partner of a tenant whose plan permits this many, in a new workspace."""
    return partner_call(
        database,
        tenant_id=tenant_id or new_id(),
        workspace_id=new_id(),
        limits=Limits(assistants=assistants),
    )


async def count(call: Call, workspace_id: str = "") -> int:
    reply = await count_assistants(call, CountAssistantsRequest(workspace_id=workspace_id))
    return reply.count


async def test_an_update_with_the_etag_that_was_read_succeeds_and_gives_the_next(
    call: Call, emitted: Emitted
) -> None:
    first = await create(call)
    second = await update(call, first, name="Bia", etag=first.etag)
    assert second.etag != first.etag
    assert (await get_assistant(call, GetAssistantRequest(id=first.id))).etag == second.etag
    third = await update(call, second, name="Lia", etag=second.etag)
    assert third.etag not in {first.etag, second.etag}  # The name is back, the version is not.
    [event] = await emitted(call, AssistantCreated)
    assert event == AssistantCreated(assistant=first)


async def test_an_update_with_an_etag_from_before_is_refused_and_changes_nothing(
    call: Call, emitted: Emitted
) -> None:
    first = await create(call)
    second = await update(call, first, name="Bia")
    for changes in ({"name": "Eu"}, {"name": "Bia"}, {}):
        with pytest.raises(EtagMismatch):
            await update(call, first, etag=first.etag, **changes)
    assert await get_assistant(call, GetAssistantRequest(id=first.id)) == second
    assert await emitted(call, AssistantUpdated) == [AssistantUpdated(assistant=second)]


async def test_an_update_without_an_etag_overwrites(call: Call) -> None:
    first = await create(call)
    await update(call, first, name="Bia")
    assert (await update(call, first, name="Eva")).version == 3


async def test_a_stale_etag_is_told_before_what_else_is_wrong(call: Call) -> None:
    first = await create(call)
    second = await update(call, first, name="Bia")
    with pytest.raises(EtagMismatch):
        await update(call, first, name="\0", etag=first.etag)
    with pytest.raises(InvalidRequest):
        await update(call, first, name="\0", etag=second.etag)


async def test_of_many_who_read_the_same_version_one_succeeds(call: Call) -> None:
    assistant = await create(call)
    outcomes = await asyncio.gather(
        *(update(call, assistant, name=f"Lia {n}", etag=assistant.etag) for n in range(20)),
        return_exceptions=True,
    )
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert len(refused) == 19
    assert all(isinstance(one, EtagMismatch) for one in refused)
    assert (await get_assistant(call, GetAssistantRequest(id=assistant.id))).version == 2


async def test_creates_at_once_never_exceed_the_plan(database: Database, emitted: Emitted) -> None:
    call = on_plan(database, 5)
    elsewhere = on_plan(database, 5, call.tenant_id)
    outcomes = await asyncio.gather(
        *(create([call, elsewhere][n % 2], str(n)) for n in range(20)), return_exceptions=True
    )
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert len(refused) == 15
    for one in refused:
        assert isinstance(one, PlanLimitReached)
        assert one.metadata == {"what": "assistants", "limit": "5", "used": "5"}
    assert await count(call) == 5
    assert len(await emitted(call, AssistantCreated)) == 5


async def test_a_deleted_assistant_makes_room(database: Database) -> None:
    call = on_plan(database, 1)
    first = await create(call)
    with pytest.raises(PlanLimitReached):
        await create(call)
    await delete_assistant(call, DeleteAssistantRequest(id=first.id), clock=Clock())
    await create(call)


async def test_a_plan_that_became_smaller_takes_nothing_away(database: Database) -> None:
    before = on_plan(database, 3)
    made = [await create(before, str(n)) for n in range(3)]
    after = partner_call(
        database,
        tenant_id=before.tenant_id,
        workspace_id=before.workspace_id,
        limits=Limits(assistants=2),
    )
    assert (await update(after, made[2], name="Lia")).name == "Lia"
    with pytest.raises(PlanLimitReached):
        await create(after)


async def test_tenants_do_not_share_their_limits(database: Database) -> None:
    await asyncio.gather(*(create(on_plan(database, 1)) for _ in range(8)))


async def test_a_count_is_of_the_tenant_or_of_one_workspace(
    call: Call, partner: Partner, database: Database
) -> None:
    other = partner(call.tenant_id)
    stranger = partner(workspace_id=call.workspace_id)
    for owner in (call, call, other, stranger):
        await create(owner)
    gone = await create(call)
    await delete_assistant(call, DeleteAssistantRequest(id=gone.id), clock=Clock())
    crm = service_call(database, tenant_id=call.tenant_id, workspace_id=other.workspace_id)
    assert await count(crm) == 3
    assert await count(crm, call.workspace_id) == 2
    assert await count(crm, new_id()) == 0
    assert await count(service_call(database, tenant_id=new_id())) == 0
