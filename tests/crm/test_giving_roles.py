"""Who gives roles: a key no more than it holds, and nobody for longer than they may themselves."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest
from malha.crm.v1.api_key_service_pb2 import RevokeApiKeyRequest
from malha.crm.v1.invitation_service_pb2 import ListInvitationsRequest
from malha.crm.v1.user_pb2 import (
    ROLE_ADMIN,
    ROLE_AGENT,
    ROLE_OWNER,
    ROLE_VIEWER,
    Role,
)

from services.crm.api_keys.model import KEY_SCOPES, ScopeNotHeld
from services.crm.identity.model import SCOPES
from services.crm.invitations.model import InvitationInvalid
from services.crm.invitations.queries import list_invitations
from services.crm.mail.model import INVITATION
from services.crm.users.model import BoundedKeyGivesNoRole, require_may_give, roles_given_by
from services.kit.auth import Actor, ScopeMissing
from services.kit.ids import new_id
from services.kit.networks import Networks
from tests.crm.business import create_key, revoke_key
from tests.crm.office import Office

ROLES = ("owner", "admin", "agent", "viewer")
FOREVER = float("inf")


async def _pending(office: Office) -> set[str]:
    call = office.call(office.owner, readonly=True)
    page = await list_invitations(call, ListInvitationsRequest())
    return {invitation.id for invitation in page.invitations}


def test_each_role_gives_what_it_may() -> None:
    given = {role: set(roles_given_by(role)) for role in ROLES}
    assert given == {
        "owner": set(ROLES),
        "admin": set(ROLES) - {"owner"},
        "agent": set(),
        "viewer": set(),
    }
    assert not roles_given_by("")


@pytest.mark.parametrize("role", [ROLE_ADMIN, ROLE_AGENT, ROLE_VIEWER])
async def test_a_key_gives_no_role_that_may_do_more_than_the_key(
    office: Office, role: Role
) -> None:
    """Whoever is invited or promoted could otherwise make the key that this one may not make."""
    agent = await office.hire("agent" if role != ROLE_AGENT else "viewer")
    key = office.key("users:read", "users:write")
    with pytest.raises(ScopeNotHeld):
        await office.invite(by=key, role=role)
    with pytest.raises(ScopeNotHeld):
        await office.update(key, agent, role=role)
    assert not await _pending(office)
    assert (await office.update(key, agent, name="Ana")).name == "Ana"


async def test_a_key_gives_the_roles_it_holds_all_of(office: Office) -> None:
    agent = await office.hire("agent")
    key = office.key("users:write", *SCOPES["viewer"])
    await office.invite(by=key, role=ROLE_VIEWER)
    await office.update(key, agent, role=ROLE_VIEWER)
    with pytest.raises(ScopeNotHeld) as refused:
        await office.update(key, agent, role=ROLE_AGENT)
    assert refused.value.metadata == {"scope": "conversations:write"}


@pytest.mark.parametrize(
    ("networks", "expire_time"), [(("10.0.0.0/8",), FOREVER), ((), 4_000_000_000.0)]
)
async def test_a_bounded_key_gives_no_role(
    office: Office, networks: tuple[str, ...], expire_time: float
) -> None:
    """A person is bound to no network, and does not expire with the key."""
    agent = await office.hire("agent")
    key = office.key()
    key.actor = replace(key.actor, networks=Networks.of(networks), expire_time=expire_time)
    with pytest.raises(BoundedKeyGivesNoRole):
        await office.invite(by=key, role=ROLE_VIEWER)
    with pytest.raises(BoundedKeyGivesNoRole):
        await office.update(key, agent, role=ROLE_VIEWER)
    await office.update(key, agent, name="Ana", role=ROLE_AGENT)  # What they are already.


async def test_what_a_removed_admin_offered_is_taken_back(office: Office) -> None:
    admin = await office.hire("admin")
    kept = await office.invite()
    theirs = [await office.invite(by=admin) for _ in range(2)]
    await office.remove(office.owner, admin)
    assert await _pending(office) == {kept.id}
    assert await office.timers(INVITATION) == [kept.id]
    assert await office.waiting("invitation") == 1
    for invitation in theirs:
        with pytest.raises(InvitationInvalid):
            await office.accept(invitation.token)


async def test_what_a_demoted_admin_offered_is_taken_back(office: Office) -> None:
    admin = await office.hire("admin")
    made = await office.invite(by=admin)
    await office.update(office.owner, admin, name="Ana")
    assert await _pending(office) == {made.id}
    await office.update(office.owner, admin, role=ROLE_AGENT)
    assert not await _pending(office)
    assert not await office.timers(INVITATION)
    assert await office.waiting("invitation") == 0
    with pytest.raises(InvitationInvalid):
        await office.accept(made.token)


async def test_what_a_revoked_key_offered_is_taken_back(office: Office) -> None:
    kept = await office.invite(by=office.key())
    made = await create_key(office.call(office.owner, scopes=KEY_SCOPES), *KEY_SCOPES)
    key = office.key()
    key.actor = replace(key.actor, id=made.api_key.id)
    offered = await office.invite(by=key)
    await revoke_key(office.call(office.owner), RevokeApiKeyRequest(id=made.api_key.id))
    assert await _pending(office) == {kept.id}
    assert await office.timers(INVITATION) == [kept.id]
    assert await office.waiting("invitation") == 1
    with pytest.raises(InvitationInvalid):
        await office.accept(offered.token)


async def test_an_owner_who_becomes_an_admin_offers_no_ownership_any_more(office: Office) -> None:
    owner = await office.hire("owner")
    offered = [await office.invite(by=owner, role=role) for role in (ROLE_OWNER, ROLE_AGENT)]
    await office.update(office.owner, owner, role=ROLE_ADMIN)
    assert await _pending(office) == {offered[1].id}


@pytest.mark.parametrize("left", ["agent", ""])
async def test_who_was_an_admin_a_moment_ago_invites_nobody(office: Office, left: str) -> None:
    """The token still says admin; what counts is stored."""
    admin = await office.hire("admin")
    if left:
        await office.update(office.owner, admin, role=ROLE_AGENT)
    else:
        await office.remove(office.owner, admin)
    with pytest.raises(ScopeMissing):
        await office.invite(by=admin)


@pytest.mark.parametrize("removed", [True, False])
async def test_no_invitation_slips_through_while_its_maker_loses_the_role(
    office: Office, removed: bool
) -> None:
    for _ in range(6):
        admin = await office.hire("admin")
        ends = (
            office.remove(office.owner, admin)
            if removed
            else office.update(office.owner, admin, role=ROLE_VIEWER)
        )
        made, _ = await asyncio.gather(office.invite(by=admin), ends, return_exceptions=True)
        assert isinstance(made, ScopeMissing) or made.token
        assert not await _pending(office)


async def test_whoever_made_an_invitation_is_kept_with_it(office: Office) -> None:
    admin, key = await office.hire("admin"), office.key()
    made = {
        (await office.invite(by=admin)).id: f"user:{admin.id}",
        (await office.invite(by=key)).id: f"api_key:{key.actor.id}",
    }
    for invitation_id, creator in made.items():
        query = "SELECT creator FROM crm.invitations WHERE id = $1"
        assert await office.desk.value(office.tenant_id, query, invitation_id) == creator


def test_services_and_people_are_held_back_by_no_key() -> None:
    for actor in (Actor("service", "demo"), Actor("user", new_id(), expire_time=1.0)):
        require_may_give(actor, "admin")
