"""People: who sees whom, who may change whom, and that a business keeps an owner."""

from __future__ import annotations

import asyncio

import pytest
from malha.crm.v1.events_pb2 import AccessChanged, UserDeleted, UserUpdated
from malha.crm.v1.user_pb2 import (
    ROLE_ADMIN,
    ROLE_AGENT,
    ROLE_OWNER,
    ROLE_VIEWER,
    Role,
    User,
)
from malha.crm.v1.user_service_pb2 import (
    GetCurrentUserRequest,
    GetUserRequest,
    ListUsersRequest,
)

from services.crm.users.model import (
    LastOwner,
    OwnersOnly,
    UserNotFound,
    require_an_owner_stays,
    require_may_change,
)
from services.crm.users.queries import get_current_user, get_user, list_users
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.pages import PageTokenInvalid
from services.kit.testing import user_call
from tests.crm.desk import Person
from tests.crm.office import Office

ROLES = ("owner", "admin", "agent", "viewer")


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("by", ROLES[:2])
def test_only_owners_change_owners_and_make_them(by: str, role: str) -> None:
    """Agents and viewers lack users:write and never come this far."""
    for before, after in ((role, "owner"), ("owner", role), ("owner", ""), (role, role)):
        if by != "owner" and "owner" in (before, after):
            with pytest.raises(OwnersOnly):
                require_may_change(by=by, role=before, new_role=after)
        else:
            require_may_change(by=by, role=before, new_role=after)


@pytest.mark.parametrize("owners", [1, 2])
@pytest.mark.parametrize("new_role", ["owner", "admin", ""])
def test_the_last_owner_stays_one(owners: int, new_role: str) -> None:
    if owners == 1 and new_role != "owner":
        with pytest.raises(LastOwner):
            require_an_owner_stays(owners=owners, role="owner", new_role=new_role)
    else:
        require_an_owner_stays(owners=owners, role="owner", new_role=new_role)
    require_an_owner_stays(owners=owners, role="agent", new_role=new_role)


async def test_people_are_listed_a_page_at_a_time_in_either_order(office: Office) -> None:
    people = [office.owner, *[await office.hire(role) for role in ("admin", "agent", "agent")]]
    call = office.call(office.owner, readonly=True)
    for order_by, expected in (("", people[::-1]), ("create_time", people)):
        found: list[User] = []
        token = ""
        while True:
            request = ListUsersRequest(page_size=3, page_token=token, order_by=order_by)
            page = await list_users(call, request)
            found += page.users
            token = page.next_page_token
            if not token:
                break
        assert [user.id for user in found] == [person.id for person in expected]
        assert all(user.etag for user in found)


async def test_people_are_filtered_by_role(office: Office) -> None:
    agent = await office.hire("agent")
    call = office.call(office.owner, readonly=True)
    found = await list_users(call, ListUsersRequest(role=ROLE_AGENT))
    assert [user.id for user in found.users] == [agent.id]
    assert not (await list_users(call, ListUsersRequest(role=ROLE_VIEWER))).users


async def test_a_page_token_of_another_filter_is_refused(office: Office) -> None:
    for _ in range(2):
        await office.hire("agent")
    call = office.call(office.owner, readonly=True)
    page = await list_users(call, ListUsersRequest(page_size=1, role=ROLE_AGENT))
    with pytest.raises(PageTokenInvalid):
        await list_users(call, ListUsersRequest(page_size=1, page_token=page.next_page_token))


async def test_a_person_is_shown_as_they_are(office: Office) -> None:
    user = await office.get(office.owner)
    assert (user.email, user.role) == (office.owner.email, ROLE_OWNER)
    assert user.workspace_id == office.workspace_id
    assert not user.second_factor
    assert not user.HasField("sign_in_time")
    assert user.HasField("create_time")
    call = office.call(office.owner, readonly=True)
    assert await get_current_user(call, GetCurrentUserRequest()) == user


async def test_signing_in_is_seen_and_is_no_change_that_an_update_could_overwrite(
    office: Office,
) -> None:
    before = await office.get(office.owner)
    await office.desk.sign_in(office.owner.email)
    after = await office.get(office.owner)
    assert after.HasField("sign_in_time")
    assert after.etag == before.etag


async def test_a_confirmed_second_factor_is_seen(office: Office) -> None:
    insert = "INSERT INTO crm.second_factors (user_id, secret) VALUES ($1, '\\x00')"
    await office.run(insert, office.owner.id)
    assert not (await office.get(office.owner)).second_factor
    await office.run("UPDATE crm.second_factors SET confirm_time = now()")
    assert (await office.get(office.owner)).second_factor


async def test_another_tenants_people_are_as_unknown_as_nobody(office: Office) -> None:
    stranger = await office.desk.person()
    for person in (stranger, Person("", "", new_id(), "")):
        with pytest.raises(UserNotFound):
            await office.get(person)
        with pytest.raises(UserNotFound):
            await office.update(office.owner, person, name="Eva")
        with pytest.raises(UserNotFound):
            await office.remove(office.owner, person)
    assert (await Office(office.desk, stranger).get(stranger)).name == ""


async def test_somebody_signed_in_who_is_no_more_is_not_found(office: Office) -> None:
    ghost = user_call(
        office.desk.database,
        tenant_id=office.tenant_id,
        workspace_id=office.workspace_id,
        user_id=new_id(),
        readonly=True,
    )
    with pytest.raises(UserNotFound):
        await get_current_user(ghost, GetCurrentUserRequest())
    with pytest.raises(UserNotFound):
        await get_user(ghost, GetUserRequest(id=new_id()))


async def test_only_what_is_set_changes_and_everyone_hears(office: Office) -> None:
    agent = await office.hire("agent")
    before = await office.get(agent)
    user = await office.update(office.owner, agent, name="  Ana  ")
    assert user.name == "Ana"
    assert (user.role, user.workspace_id) == (before.role, before.workspace_id)
    assert user.update_time.ToNanoseconds() > before.update_time.ToNanoseconds()
    assert user.etag != before.etag
    assert await office.get(agent) == user
    assert [event.user for event in await office.told(UserUpdated)] == [user]
    assert not await office.told(AccessChanged)


async def test_a_change_to_the_same_is_none(office: Office) -> None:
    user = await office.update(office.owner, office.owner, role=ROLE_OWNER)
    assert user == await office.get(office.owner)
    assert not await office.told(UserUpdated)


async def test_a_new_role_and_a_new_workspace_reach_the_persons_sessions(office: Office) -> None:
    agent = await office.hire("agent")
    sessions = [await office.desk.sign_in(agent.email) for _ in range(2)]
    await office.desk.sign_in(office.owner.email)
    workspace_id = new_id()
    await office.run("INSERT INTO crm.workspaces (id, name) VALUES ($1, 'Filial')", workspace_id)
    await office.update(office.owner, agent, role=ROLE_VIEWER)
    await office.update(office.owner, agent, workspace_id=workspace_id, name="Ana")
    told = [set(event.credential_ids) for event in await office.told(AccessChanged)]
    assert told == [{session.session_id for session in sessions}] * 2


async def test_a_change_of_somebody_without_a_session_does_not_sign_out_the_tenant(
    office: Office,
) -> None:
    agent = await office.hire("agent")
    await office.update(office.owner, agent, role=ROLE_VIEWER)
    assert not await office.told(AccessChanged)


async def test_a_stale_etag_overwrites_nothing(office: Office) -> None:
    agent = await office.hire("agent")
    read = await office.get(agent)
    await office.update(office.owner, agent, name="Ana", etag=read.etag)
    with pytest.raises(EtagMismatch):
        await office.update(office.owner, agent, name="Bia", etag=read.etag)
    assert (await office.get(agent)).name == "Ana"


async def test_nobody_is_moved_into_another_tenants_workspace(office: Office) -> None:
    stranger = await office.desk.person()
    for workspace_id in (stranger.workspace_id, new_id()):
        with pytest.raises(WorkspaceNotFound):
            await office.update(office.owner, office.owner, workspace_id=workspace_id)


@pytest.mark.parametrize("role", [ROLE_ADMIN, ROLE_AGENT, ROLE_VIEWER])
async def test_an_admin_and_a_key_change_everybody_but_owners(office: Office, role: Role) -> None:
    admin, agent = await office.hire("admin"), await office.hire("agent")
    second = await office.hire("owner")
    for by in (admin, office.key()):
        await office.update(by, agent, role=role)
        with pytest.raises(OwnersOnly):
            await office.update(by, agent, role=ROLE_OWNER)
        with pytest.raises(OwnersOnly):
            await office.update(by, second, role=role)
        with pytest.raises(OwnersOnly):
            await office.update(by, second, name="Ana")
        with pytest.raises(OwnersOnly):
            await office.remove(by, second)
    assert (await office.get(second)).role == ROLE_OWNER
    assert (await office.get(agent)).role == role


async def test_somebody_who_was_an_owner_a_moment_ago_is_none(office: Office) -> None:
    """The token still says owner; what counts is stored."""
    second, agent = await office.hire("owner"), await office.hire("agent")
    await office.update(office.owner, second, role=ROLE_ADMIN)
    with pytest.raises(OwnersOnly):
        await office.update(second, agent, role=ROLE_OWNER)


async def test_owners_make_owners_and_the_last_one_stays(office: Office) -> None:
    agent = await office.hire("agent")
    await office.update(office.owner, agent, role=ROLE_OWNER)
    await office.update(agent, office.owner, role=ROLE_ADMIN)
    with pytest.raises(LastOwner):
        await office.update(agent, agent, role=ROLE_ADMIN)
    with pytest.raises(LastOwner):
        await office.remove(agent, agent)
    assert (await office.get(agent)).role == ROLE_OWNER


async def test_owners_who_leave_all_at_once_leave_one_behind(office: Office) -> None:
    owners = [office.owner, *[await office.hire("owner") for _ in range(5)]]
    attempts = [
        office.update(owner, owner, role=ROLE_AGENT) if i % 2 else office.remove(owner, owner)
        for i, owner in enumerate(owners)
    ]
    outcomes = await asyncio.gather(*attempts, return_exceptions=True)
    refused = [outcome for outcome in outcomes if isinstance(outcome, BaseException)]
    assert [type(outcome) for outcome in refused] == [LastOwner]
    left = await office.desk.value(
        office.tenant_id, "SELECT count(*) FROM crm.users WHERE role = 'owner'"
    )
    assert left == 1


async def test_owners_who_demote_each_other_leave_one_behind(office: Office) -> None:
    other = await office.hire("owner")
    outcomes = await asyncio.gather(
        office.update(office.owner, other, role=ROLE_AGENT),
        office.update(other, office.owner, role=ROLE_AGENT),
        return_exceptions=True,
    )
    refused = [type(outcome) for outcome in outcomes if isinstance(outcome, BaseException)]
    assert refused == [OwnersOnly]


async def test_a_removed_person_is_gone_everywhere(office: Office) -> None:
    agent = await office.hire("agent")
    sessions = [await office.desk.sign_in(agent.email) for _ in range(2)]
    await office.remove(office.owner, agent)
    with pytest.raises(UserNotFound):
        await office.get(agent)
    with pytest.raises(UserNotFound):
        await office.remove(office.owner, agent)
    assert [event.user_id for event in await office.told(UserDeleted)] == [agent.id]
    (ended,) = await office.told(AccessChanged)
    assert set(ended.credential_ids) == {session.session_id for session in sessions}
    for table in ("sessions", "refresh_tokens"):
        assert not await office.desk.value(office.tenant_id, f"SELECT count(*) FROM crm.{table}")


async def test_a_removed_persons_address_may_join_any_business(office: Office) -> None:
    agent = await office.hire("agent")
    routed = "SELECT count(*) FROM crm.email_routes WHERE email_hash = sha256($1)"
    assert await office.desk.value(office.tenant_id, routed, agent.email.encode()) == 1
    await office.remove(office.owner, agent)
    assert await office.desk.value(office.tenant_id, routed, agent.email.encode()) == 0


async def test_what_waited_for_a_removed_person_is_never_sent(office: Office) -> None:
    agent = await office.hire("agent")
    await office.run(
        "INSERT INTO crm.mails (id, kind, language, recipient_hash, sealed, expire_time)"
        " VALUES ($1, 'password_reset', 'en', sha256($2), '\\x00', now() + interval '1 day')",
        new_id(),
        agent.email.encode(),
    )
    await office.remove(office.owner, agent)
    assert not await office.waiting("password_reset")
