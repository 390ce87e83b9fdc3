"""Asking people to join: once, within the plan, and never for somebody who has an account."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

import pytest
from malha.crm.v1.commands_pb2 import SendMail
from malha.crm.v1.events_pb2 import UserCreated
from malha.crm.v1.invitation_pb2 import Invitation
from malha.crm.v1.invitation_service_pb2 import (
    AcceptInvitationRequest,
    CreateInvitationRequest,
    DeleteInvitationRequest,
    ListInvitationsRequest,
)
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.user_pb2 import ROLE_ADMIN, ROLE_AGENT, ROLE_OWNER, ROLE_VIEWER, Role

from services.crm.invitations.commands import (
    TIMER,
    accept_invitation,
    create_invitation,
    delete_invitation,
)
from services.crm.invitations.events import forget_invitation
from services.crm.invitations.model import (
    MOST_MAILS_A_DAY,
    VALID_FOR,
    InvitationInvalid,
    InvitationNotFound,
    InvitedTooOften,
)
from services.crm.invitations.queries import list_invitations
from services.crm.passwords.model import PasswordTooWeak
from services.crm.tenants.model import EmailAlreadyRegistered
from services.crm.users.model import OwnersOnly
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.auth import TenantSuspended
from services.kit.call import Call
from services.kit.db import Database
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.limits import PlanLimitReached
from services.kit.testing import public_call, service_call
from tests.crm.desk import Desk
from tests.crm.office import Office

PASSWORD = "uma senha bem comprida"


@pytest.fixture
async def desk(databases: Callable[[str], Awaitable[Database]], infra: Infra) -> Desk:
    return Desk(await databases("crm"), infra)


@pytest.fixture
async def office(desk: Desk) -> Office:
    return Office(desk, await desk.person())


def _email() -> str:
    return f"{new_id()}@example.com"


async def _invite(
    office: Office,
    email: str = "",
    *,
    by: Call | None = None,
    role: Role = ROLE_AGENT,
    workspace_id: str = "",
) -> Invitation:
    request = CreateInvitationRequest(email=email or _email(), role=role, workspace_id=workspace_id)
    return await create_invitation(by or office.call(office.owner), request, mails=office.mails)


async def _accept(
    office: Office, token: str, *, password: str = PASSWORD, name: str = "Ana"
) -> Session:
    return await accept_invitation(
        public_call(office.desk.database, user_agent="Firefox"),
        AcceptInvitationRequest(token=token, name=name, password=password),
        passwords=office.desk.passwords,
        sessions=office.desk.sessions,
        mails=office.mails,
    )


async def _take_back(office: Office, invitation: Invitation) -> None:
    request = DeleteInvitationRequest(id=invitation.id)
    await delete_invitation(office.call(office.owner), request, mails=office.mails)


async def _pending(office: Office) -> list[Invitation]:
    call = office.call(office.owner, readonly=True)
    return list((await list_invitations(call, ListInvitationsRequest())).invitations)


async def _count(office: Office, table: str) -> object:
    return await office.desk.value(office.tenant_id, f"SELECT count(*) FROM crm.{table}")


async def test_an_invitation_shows_its_secret_once_and_only_a_hash_is_kept(office: Office) -> None:
    email = _email()
    made = await _invite(office, f" {email.upper()} ")
    assert made.email == email
    assert len(made.token) >= 43
    assert made.workspace_id == office.workspace_id
    assert made.expire_time.ToDatetime() - made.create_time.ToDatetime() == pytest.approx(
        VALID_FOR, abs=VALID_FOR / 1000
    )
    (listed,) = await _pending(office)
    assert not listed.token
    made_without = Invitation()
    made_without.CopyFrom(made)
    made_without.ClearField("token")
    assert listed == made_without
    hashed = hashlib.sha256(made.token.encode()).digest()
    routes = "SELECT count(*) FROM crm.invitation_routes WHERE secret_hash = $1"
    assert await office.desk.value(office.tenant_id, routes, hashed) == 1


async def test_an_invitation_sends_a_mail_and_forgets_itself(office: Office) -> None:
    made = await _invite(office)
    assert len(await office.told(SendMail)) == 1
    assert await office.timers(TIMER) == [made.id]


async def test_the_secret_lies_nowhere_in_the_clear(office: Office) -> None:
    email = _email()
    made = await _invite(office, email)
    row = await office.desk.value(
        office.tenant_id, "SELECT mails::text || encode(sealed, 'escape') FROM crm.mails"
    )
    assert isinstance(row, str)
    for secret in (made.token, email):
        assert secret not in row
        assert secret.encode().hex() not in row


async def test_whoever_accepts_is_a_person_and_signed_in(office: Office) -> None:
    made = await _invite(office, role=ROLE_ADMIN)
    session = await _accept(office, made.token, name="  Ana Lima ")
    assert session.tenant_id == office.tenant_id
    (created,) = await office.told(UserCreated)
    assert created.user.id == session.user_id
    assert (created.user.email, created.user.name) == (made.email, "Ana Lima")
    assert (created.user.role, created.user.workspace_id) == (ROLE_ADMIN, office.workspace_id)
    assert not await _pending(office)
    assert not await office.timers(TIMER)
    again = await office.desk.sign_in(made.email, PASSWORD)
    assert again.user_id == session.user_id


async def test_an_invitation_works_once(office: Office) -> None:
    made = await _invite(office)
    await _accept(office, made.token)
    with pytest.raises(InvitationInvalid):
        await _accept(office, made.token)


async def test_of_twenty_who_accept_at_once_one_joins(office: Office) -> None:
    made = await _invite(office)
    outcomes = await asyncio.gather(
        *(_accept(office, made.token) for _ in range(20)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Session) for outcome in outcomes) == 1
    assert {type(outcome) for outcome in outcomes} == {Session, InvitationInvalid}
    assert await _count(office, "users") == 2
    assert len(await office.told(UserCreated)) == 1
    assert await _count(office, "sessions") == 1


@pytest.mark.parametrize("token", ["x", "\x00", "ção", "'; --", "A" * 200])
async def test_noise_is_no_invitation(office: Office, token: str) -> None:
    with pytest.raises(InvitationInvalid):
        await _accept(office, token)


async def test_an_expired_invitation_is_invalid_unlisted_and_takes_no_seat(office: Office) -> None:
    made = await _invite(office)
    await office.run("UPDATE crm.invitations SET expire_time = now()")
    with pytest.raises(InvitationInvalid):
        await _accept(office, made.token)
    assert not await _pending(office)
    await _invite(office, by=office.call(office.owner, seats=2))


async def test_an_expired_invitation_is_forgotten_with_its_way_in(office: Office) -> None:
    made = await _invite(office)
    call = service_call(office.desk.database, tenant_id=office.tenant_id)
    for _ in range(2):  # Timers may come twice.
        await forget_invitation(call, made.id)
    assert not await office.timers(TIMER)
    assert await _count(office, "invitations") == 0
    routes = "SELECT count(*) FROM crm.invitation_routes WHERE invitation_id = $1"
    assert await office.desk.value(office.tenant_id, routes, made.id) == 0


async def test_an_invitation_that_was_taken_back_is_invalid_and_not_mailed(office: Office) -> None:
    made = await _invite(office)
    await _take_back(office, made)
    with pytest.raises(InvitationInvalid):
        await _accept(office, made.token)
    with pytest.raises(InvitationNotFound):
        await _take_back(office, made)
    assert await _count(office, "mails") == 0


async def test_another_tenants_invitation_is_as_unknown_as_none(office: Office) -> None:
    other = Office(office.desk, await office.desk.person())
    made = await _invite(other)
    with pytest.raises(InvitationNotFound):
        await _take_back(office, made)
    assert not await _pending(office)
    assert len(await _pending(other)) == 1


async def test_inviting_again_replaces_the_invitation(office: Office) -> None:
    email = _email()
    first = await _invite(office, email, role=ROLE_VIEWER)
    second = await _invite(office, email.upper(), role=ROLE_ADMIN)
    (listed,) = await _pending(office)
    assert (listed.id, listed.role) == (second.id, ROLE_ADMIN)
    assert await office.timers(TIMER) == [second.id]
    assert await _count(office, "mails") == 1
    with pytest.raises(InvitationInvalid):
        await _accept(office, first.token)
    await _accept(office, second.token)


async def test_inviting_an_address_ten_times_at_once_leaves_one_invitation(office: Office) -> None:
    email = _email()
    made = await asyncio.gather(*(_invite(office, email) for _ in range(10)))
    (listed,) = await _pending(office)
    assert listed.id in {one.id for one in made}


async def test_nobody_is_pestered_in_our_name(office: Office) -> None:
    email = _email()
    for _ in range(MOST_MAILS_A_DAY):
        await _invite(office, email)
        await office.run("UPDATE crm.mails SET state = 'sent', sealed = NULL")
    with pytest.raises(InvitedTooOften):
        await _invite(office, email)
    await _invite(office)
    await office.run("UPDATE crm.mails SET create_time = now() - interval '25 hours'")
    await _invite(office, email)


async def test_an_address_of_anybody_is_not_invited(office: Office) -> None:
    stranger = await office.desk.person()
    for email in (office.owner.email, stranger.email.upper()):
        with pytest.raises(EmailAlreadyRegistered):
            await _invite(office, email)


async def test_who_got_an_account_elsewhere_meanwhile_does_not_join(office: Office) -> None:
    email = _email()
    other = Office(office.desk, await office.desk.person())
    here, there = await _invite(office, email), await _invite(other, email)
    await _accept(other, there.token)
    with pytest.raises(EmailAlreadyRegistered):
        await _accept(office, here.token)
    assert await _count(office, "users") == 1
    assert len(await _pending(office)) == 1


async def test_people_and_invitations_share_the_seats(office: Office) -> None:
    call = office.call(office.owner, seats=3)
    email = _email()
    await _invite(office, email, by=call)
    await _invite(office, by=call)
    with pytest.raises(PlanLimitReached):
        await _invite(office, by=call)
    await _invite(office, email, by=call)
    (first, *_) = await _pending(office)
    await _take_back(office, first)
    made = await _invite(office, by=call)
    await _accept(office, made.token)
    with pytest.raises(PlanLimitReached):
        await _invite(office, by=call)


async def test_invitations_at_once_never_exceed_the_seats(office: Office) -> None:
    call = office.call(office.owner, seats=4)
    outcomes = await asyncio.gather(
        *(_invite(office, by=call) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Invitation) for outcome in outcomes) == 3
    assert {type(outcome) for outcome in outcomes} == {Invitation, PlanLimitReached}


async def test_only_owners_invite_owners(office: Office) -> None:
    admin = await office.hire("admin")
    for call in (office.call(admin), office.key()):
        await _invite(office, by=call, role=ROLE_ADMIN)
        with pytest.raises(OwnersOnly):
            await _invite(office, by=call, role=ROLE_OWNER)
    assert (await _invite(office, role=ROLE_OWNER)).role == ROLE_OWNER


async def test_nobody_is_invited_into_another_tenants_workspace(office: Office) -> None:
    stranger = await office.desk.person()
    for workspace_id in (stranger.workspace_id, new_id()):
        with pytest.raises(WorkspaceNotFound):
            await _invite(office, workspace_id=workspace_id)


async def test_an_invitation_into_another_workspace_starts_there(office: Office) -> None:
    workspace_id = new_id()
    await office.run("INSERT INTO crm.workspaces (id, name) VALUES ($1, 'Filial')", workspace_id)
    made = await _invite(office, workspace_id=workspace_id)
    assert (await _accept(office, made.token)).workspace_id == workspace_id


@pytest.mark.parametrize("password", ["password123", "aaaaaaaaaaaa"])
async def test_a_weak_password_is_refused_and_the_invitation_still_works(
    office: Office, password: str
) -> None:
    made = await _invite(office)
    with pytest.raises(PasswordTooWeak):
        await _accept(office, made.token, password=password)
    await _accept(office, made.token)


async def test_nobody_joins_a_suspended_business(office: Office) -> None:
    made = await _invite(office)
    await office.desk.set_tenant_status(office.tenant_id, 2)
    with pytest.raises(TenantSuspended):
        await _accept(office, made.token)
    await office.desk.set_tenant_status(office.tenant_id, 1)
    await _accept(office, made.token)


async def test_invitations_are_listed_a_page_at_a_time(office: Office) -> None:
    made = [await _invite(office) for _ in range(3)]
    call = office.call(office.owner, readonly=True)
    first = await list_invitations(call, ListInvitationsRequest(page_size=2))
    request = ListInvitationsRequest(page_size=2, page_token=first.next_page_token)
    second = await list_invitations(call, request)
    listed = [*first.invitations, *second.invitations]
    assert [one.id for one in listed] == [one.id for one in made[::-1]]
    assert not second.next_page_token
