"""Workspaces: as many as the plan permits, and gone only when they hold nothing."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_service_pb2 import CountAssistantsResponse
from malha.crm.v1.api_key_service_pb2 import (
    CreateApiKeyRequest,
    GetApiKeyRequest,
    RevokeApiKeyRequest,
)
from malha.crm.v1.events_pb2 import AccessChanged
from malha.crm.v1.workspace_pb2 import Workspace
from malha.crm.v1.workspace_service_pb2 import (
    CreateWorkspaceRequest,
    DeleteWorkspaceRequest,
    GetWorkspaceRequest,
    ListWorkspacesRequest,
    UpdateWorkspaceRequest,
)
from malha.ingestion.v1.connection_service_pb2 import CountConnectionsResponse

from services.crm.api_keys.commands import create_api_key
from services.crm.api_keys.model import ApiKeyNotFound
from services.crm.api_keys.queries import get_api_key
from services.crm.invitations.model import InvitationInvalid
from services.crm.mail.model import INVITATION
from services.crm.workspaces.commands import (
    create_workspace,
    delete_workspace,
    update_workspace,
)
from services.crm.workspaces.model import LastWorkspace, WorkspaceNotEmpty, WorkspaceNotFound
from services.crm.workspaces.queries import get_workspace, list_workspaces
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.limits import PlanLimitReached
from services.kit.testing import FakePeers
from tests.crm.business import MAILS, Business, new_business, revoke_key
from tests.crm.desk import Desk
from tests.crm.office import Office


@pytest.fixture
async def business(database: Database) -> Business:
    made = await new_business(database, plan="pro")
    _elsewhere(made)
    return made


def _peers(*, assistants: int = 0, connections: int = 0) -> FakePeers:
    """What the other services say that a workspace holds."""

    async def count_assistants(_: Any) -> CountAssistantsResponse:
        return CountAssistantsResponse(count=assistants)

    async def count_connections(_: Any) -> CountConnectionsResponse:
        return CountConnectionsResponse(count=connections)

    return FakePeers(
        {
            "AssistantService.CountAssistants": count_assistants,
            "ConnectionService.CountConnections": count_connections,
        }
    )


def _elsewhere(business: Business, **held: int) -> None:
    business.peers.answers.update(_peers(**held).answers)


async def _create(business: Business, name: str = "Second") -> Workspace:
    return await create_workspace(business.person(), CreateWorkspaceRequest(name=name))


async def _delete(business: Business, workspace_id: str) -> Empty:
    return await delete_workspace(
        business.person(), DeleteWorkspaceRequest(id=workspace_id), mails=MAILS
    )


async def _listed(business: Business, **fields: Any) -> list[Workspace]:
    request = ListWorkspacesRequest(**fields)
    call = business.person(readonly=True)
    return list((await list_workspaces(call, request)).workspaces)


async def test_a_workspace_is_made_read_renamed_and_deleted(business: Business) -> None:
    made = await _create(business)
    read = GetWorkspaceRequest(id=made.id)
    assert await get_workspace(business.person(readonly=True), read) == made
    request = UpdateWorkspaceRequest(id=made.id, name="Renamed", etag=made.etag)
    renamed = await update_workspace(business.person(), request)
    assert renamed.name == "Renamed"
    with pytest.raises(EtagMismatch):
        await update_workspace(business.person(), request)
    await _delete(business, made.id)
    with pytest.raises(WorkspaceNotFound):
        await get_workspace(business.person(readonly=True), read)
    with pytest.raises(WorkspaceNotFound):
        await _delete(business, made.id)


async def test_lists_are_paged_in_either_order(business: Business) -> None:
    made = [await _create(business, f"W{number}") for number in range(3)]
    names = [workspace.name for workspace in await _listed(business)]
    assert names == ["W2", "W1", "W0", "Aurora"]
    oldest = ListWorkspacesRequest(order_by="create_time", page_size=3)
    first = await list_workspaces(business.person(readonly=True), oldest)
    oldest.page_token = first.next_page_token
    second = await list_workspaces(business.person(readonly=True), oldest)
    assert [w.name for w in (*first.workspaces, *second.workspaces)] == names[::-1]
    assert second.workspaces[0] == made[2]


async def test_twenty_at_once_make_as_many_as_the_plan_permits(business: Business) -> None:
    results = await asyncio.gather(*(_create(business) for _ in range(20)), return_exceptions=True)
    assert sum(isinstance(result, PlanLimitReached) for result in results) == 11
    assert sum(isinstance(result, Workspace) for result in results) == 9
    assert len(await _listed(business)) == business.limits.workspaces == 10


async def test_the_last_workspace_stays(business: Business) -> None:
    made = await _create(business)
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.users SET workspace_id = $1", made.id)
        await tx.run("UPDATE crm.api_keys SET workspace_id = $1", made.id)
    await _delete(business, business.workspace_id)
    with pytest.raises(LastWorkspace):
        await _delete(business, made.id)


async def test_two_deletions_at_once_leave_one_workspace(business: Business) -> None:
    made = [await _create(business) for _ in range(2)]
    async with business.person().transaction() as tx:
        await tx.run("DELETE FROM crm.users")
        await tx.run("DELETE FROM crm.api_keys")
    results = await asyncio.gather(
        *(_delete(business, id) for id in (made[0].id, made[1].id, business.workspace_id)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, LastWorkspace) for result in results) == 1
    assert len(await _listed(business)) == 1


@pytest.mark.parametrize("what", ["assistants", "connections"])
async def test_a_workspace_in_use_elsewhere_stays(business: Business, what: str) -> None:
    made = await _create(business)
    _elsewhere(business, **{what: 1})
    with pytest.raises(WorkspaceNotEmpty) as refused:
        await _delete(business, made.id)
    assert refused.value.metadata == {"what": what}
    asked = [getattr(request, "workspace_id", "") for _, request in business.peers.asked]
    assert asked == [made.id] * 2


async def test_a_workspace_with_people_stays(business: Business) -> None:
    await _create(business)
    with pytest.raises(WorkspaceNotEmpty) as refused:
        await _delete(business, business.workspace_id)
    assert refused.value.metadata == {"what": "people"}


async def test_a_workspace_with_keys_stays_until_they_are_revoked(business: Business) -> None:
    made = await _create(business)
    request = CreateApiKeyRequest(name="K", scopes=["tenant:read"], workspace_id=made.id)
    key = (await create_api_key(business.person(), request, clock=Clock())).api_key
    with pytest.raises(WorkspaceNotEmpty) as refused:
        await _delete(business, made.id)
    assert refused.value.metadata == {"what": "keys"}
    await revoke_key(business.person(), RevokeApiKeyRequest(id=key.id))
    await _delete(business, made.id)
    with pytest.raises(ApiKeyNotFound):
        await get_api_key(business.person(readonly=True), GetApiKeyRequest(id=key.id))
    async with business.database.pool.acquire() as connection:
        assert not await connection.fetchval(
            "SELECT count(*) FROM crm.api_key_routes WHERE key_id = $1", key.id
        )


async def test_no_key_ends_up_in_a_workspace_that_is_deleted_meanwhile(
    business: Business,
) -> None:
    for _ in range(8):
        made = await _create(business)
        request = CreateApiKeyRequest(name="K", scopes=["tenant:read"], workspace_id=made.id)
        key, gone = await asyncio.gather(
            create_api_key(business.person(), request, clock=Clock()),
            _delete(business, made.id),
            return_exceptions=True,
        )
        if isinstance(gone, Empty):
            assert isinstance(key, WorkspaceNotFound)
        else:
            assert isinstance(gone, WorkspaceNotEmpty)
            await revoke_key(business.person(), RevokeApiKeyRequest(id=key.api_key.id))
            await _delete(business, made.id)


async def test_whoever_works_in_a_deleted_workspace_is_signed_out(business: Business) -> None:
    """Everybody of the tenant is asked about again: a token names the workspace by itself."""
    made, session_id = await _create(business), new_id()
    async with business.person().transaction() as tx:
        await tx.run(
            """INSERT INTO crm.sessions
                 (id, user_id, workspace_id, user_agent, create_time, refresh_time, expire_time)
               VALUES ($1, $2, $3, '', now(), now(), now() + interval '1 hour')""",
            *(session_id, business.made.user_id, made.id),
        )
    await _delete(business, made.id)
    async with business.person().transaction() as tx:
        assert not await tx.value("SELECT count(*) FROM crm.sessions")
    assert [list(e.credential_ids) for e in await business.told(AccessChanged)] == [[]]


async def test_a_deleted_workspace_is_told_also_when_no_session_is_in_it(
    business: Business,
) -> None:
    await _delete(business, (await _create(business)).id)
    assert [list(e.credential_ids) for e in await business.told(AccessChanged)] == [[]]


async def test_nobody_is_invited_into_a_deleted_workspace_any_more(desk: Desk) -> None:
    office = Office(desk, await desk.person())
    actor = office.call(office.owner).actor
    call = Call(actor, database=desk.database, peers=_peers(), correlation_id=new_id())
    made = await create_workspace(call, CreateWorkspaceRequest(name="Second"))
    gone = [await office.invite(workspace_id=made.id) for _ in range(2)]
    kept = await office.invite()
    await delete_workspace(call, DeleteWorkspaceRequest(id=made.id), mails=office.mails)
    assert await office.timers(INVITATION) == [kept.id]
    assert await office.waiting("invitation") == 1
    for invitation in gone:
        with pytest.raises(InvitationInvalid):
            await office.accept(invitation.token)


async def test_another_tenants_workspace_is_not_there(
    business: Business, database: Database
) -> None:
    theirs = await new_business(database)
    for id in (theirs.workspace_id, new_id()):
        for attempt in (
            get_workspace(business.person(readonly=True), GetWorkspaceRequest(id=id)),
            update_workspace(business.person(), UpdateWorkspaceRequest(id=id, name="x")),
            _delete(business, id),
        ):
            with pytest.raises(WorkspaceNotFound):
                await attempt
