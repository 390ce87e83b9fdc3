"""Asking people to join: once, within the plan, and never for somebody who has an account."""

from __future__ import annotations

import asyncio
import hashlib
from unittest.mock import patch

import pytest
from malha.crm.v1.commands_pb2 import SendMail
from malha.crm.v1.events_pb2 import UserCreated
from malha.crm.v1.invitation_pb2 import Invitation
from malha.crm.v1.invitation_service_pb2 import (
    ListInvitationsRequest,
)
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.user_pb2 import ROLE_ADMIN, ROLE_OWNER, ROLE_VIEWER

from services.crm.invitations.events import forget_invitation
from services.crm.invitations.model import (
    MOST_MAILS_A_DAY,
    VALID_FOR,
    InvitationInvalid,
    InvitationNotFound,
    InvitedTooOften,
)
from services.crm.invitations.queries import list_invitations
from services.crm.mail.addresses import AddressInvalid
from services.crm.mail.model import INVITATION
from services.crm.passwords.model import PasswordTooWeak
from services.crm.tenants.model import EmailAlreadyRegistered
from services.crm.users.model import OwnersOnly
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.auth import TenantSuspended
from services.kit.ids import new_id
from services.kit.limits import PlanLimitReached
from services.kit.testing import service_call
from tests.crm.desk import Person
from tests.crm.office import PASSWORD, SERVER, Office


def _email() -> str:
    return f"{new_id()}@example.com"


async def _pending(office: Office) -> list[Invitation]:
    call = office.call(office.owner, readonly=True)
    return list((await list_invitations(call, ListInvitationsRequest())).invitations)


async def _count(office: Office, table: str) -> object:
    return await office.desk.value(office.tenant_id, f"SELECT count(*) FROM crm.{table}")


async def test_an_invitation_shows_its_secret_once_and_only_a_hash_is_kept(office: Office) -> None:
    email = _email()
    made = await office.invite(f" {email.upper()} ")
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


async def test_where_there_is_a_mail_server_only_the_mailbox_gets_the_secret(
    office: Office,
) -> None:
    """Who accepts has shown by it that the address is theirs."""
    made = await office.invite(sender=SERVER)
    assert not made.token
    (letter,) = await office.desk.letters(
        Person(office.tenant_id, "", "", made.email), "invitation"
    )
    assert (await office.accept(letter["secret"])).tenant_id == office.tenant_id


async def test_an_invitation_sends_a_mail_and_forgets_itself(office: Office) -> None:
    made = await office.invite()
    assert len(await office.told(SendMail)) == 1
    assert await office.timers(INVITATION) == [made.id]


async def test_the_secret_lies_nowhere_in_the_clear(office: Office) -> None:
    email = _email()
    made = await office.invite(email)
    row = await office.desk.value(
        office.tenant_id, "SELECT mails::text || encode(sealed, 'escape') FROM crm.mails"
    )
    assert isinstance(row, str)
    for secret in (made.token, email):
        assert secret not in row
        assert secret.encode().hex() not in row


async def test_whoever_accepts_is_a_person_and_signed_in(office: Office) -> None:
    made = await office.invite(role=ROLE_ADMIN)
    session = await office.accept(made.token, name="  Ana Lima ")
    assert session.tenant_id == office.tenant_id
    (created,) = await office.told(UserCreated)
    assert created.user.id == session.user_id
    assert (created.user.email, created.user.name) == (made.email, "Ana Lima")
    assert (created.user.role, created.user.workspace_id) == (ROLE_ADMIN, office.workspace_id)
    assert not await _pending(office)
    assert not await office.timers(INVITATION)
    again = await office.desk.sign_in(made.email, PASSWORD)
    assert again.user_id == session.user_id


async def test_an_invitation_works_once(office: Office) -> None:
    made = await office.invite()
    await office.accept(made.token)
    with pytest.raises(InvitationInvalid):
        await office.accept(made.token)


async def test_of_twenty_who_accept_at_once_one_joins(office: Office) -> None:
    made = await office.invite()
    # An account's passwords are hashed one at a time: the others would not come as far as this.
    hashed = await office.desk.passwords.hash(PASSWORD)
    with patch.object(office.desk.passwords, "hash", return_value=hashed):
        outcomes = await asyncio.gather(
            *(office.accept(made.token) for _ in range(20)), return_exceptions=True
        )
    assert sum(isinstance(outcome, Session) for outcome in outcomes) == 1
    refused = {type(outcome) for outcome in outcomes} - {Session}
    assert refused <= {InvitationInvalid, EmailAlreadyRegistered}
    assert await _count(office, "users") == 2
    assert len(await office.told(UserCreated)) == 1
    assert await _count(office, "sessions") == 1


@pytest.mark.parametrize("token", ["x", "\x00", "ção", "'; --", "A" * 200])
async def test_noise_is_no_invitation(office: Office, token: str) -> None:
    with pytest.raises(InvitationInvalid):
        await office.accept(token)


async def test_an_expired_invitation_is_invalid_unlisted_and_takes_no_seat(office: Office) -> None:
    made = await office.invite()
    await office.run("UPDATE crm.invitations SET expire_time = now()")
    with pytest.raises(InvitationInvalid):
        await office.accept(made.token)
    assert not await _pending(office)
    await office.invite(by=office.call(office.owner, seats=2))


async def test_an_expired_invitation_is_forgotten_with_its_way_in(office: Office) -> None:
    made = await office.invite()
    call = service_call(office.desk.database, tenant_id=office.tenant_id)
    for _ in range(2):  # Timers may come twice.
        await forget_invitation(call, made.id)
    assert not await office.timers(INVITATION)
    assert await _count(office, "invitations") == 0
    routes = "SELECT count(*) FROM crm.invitation_routes WHERE invitation_id = $1"
    assert await office.desk.value(office.tenant_id, routes, made.id) == 0


async def test_an_invitation_that_was_taken_back_is_invalid_and_not_mailed(office: Office) -> None:
    made = await office.invite()
    await office.take_back(made)
    with pytest.raises(InvitationInvalid):
        await office.accept(made.token)
    with pytest.raises(InvitationNotFound):
        await office.take_back(made)
    assert await office.waiting("invitation") == 0


async def test_another_tenants_invitation_is_as_unknown_as_none(office: Office) -> None:
    other = Office(office.desk, await office.desk.person())
    made = await other.invite()
    with pytest.raises(InvitationNotFound):
        await office.take_back(made)
    assert not await _pending(office)
    assert len(await _pending(other)) == 1


async def test_inviting_again_replaces_the_invitation(office: Office) -> None:
    email = _email()
    first = await office.invite(email, role=ROLE_VIEWER)
    second = await office.invite(email.upper(), role=ROLE_ADMIN)
    (listed,) = await _pending(office)
    assert (listed.id, listed.role) == (second.id, ROLE_ADMIN)
    assert await office.timers(INVITATION) == [second.id]
    assert await office.waiting("invitation") == 1
    with pytest.raises(InvitationInvalid):
        await office.accept(first.token)
    await office.accept(second.token)


async def test_inviting_an_address_several_times_at_once_leaves_one_invitation(
    office: Office,
) -> None:
    email = _email()
    made = await asyncio.gather(*(office.invite(email) for _ in range(MOST_MAILS_A_DAY)))
    (listed,) = await _pending(office)
    assert listed.id in {one.id for one in made}


@pytest.mark.parametrize("email", ["a..b@example.com", ".a@example.com", "a.@example.com"])
async def test_an_address_that_no_mail_reaches_is_named(office: Office, email: str) -> None:
    with pytest.raises(AddressInvalid) as refused:
        await office.invite(email)
    assert [name for name, _ in refused.value.violations()] == ["email"]


async def test_nobody_is_pestered_in_our_name(office: Office) -> None:
    email = _email()
    for _ in range(MOST_MAILS_A_DAY):
        await office.invite(email)
        await office.run("UPDATE crm.mails SET state = 'sent', sealed = NULL")
    with pytest.raises(InvitedTooOften):
        await office.invite(email)
    await office.invite()
    await office.run("UPDATE crm.mails SET create_time = now() - interval '25 hours'")
    await office.invite(email)


async def test_an_address_of_anybody_is_not_invited(office: Office) -> None:
    stranger = await office.desk.person()
    for email in (office.owner.email, stranger.email.upper()):
        with pytest.raises(EmailAlreadyRegistered):
            await office.invite(email)


async def test_who_got_an_account_elsewhere_meanwhile_does_not_join(office: Office) -> None:
    email = _email()
    other = Office(office.desk, await office.desk.person())
    here, there = await office.invite(email), await other.invite(email)
    await other.accept(there.token)
    # Nor is a password hashed, at a price, for what cannot be.
    with (
        patch.object(office.desk.passwords, "hash", side_effect=AssertionError),
        pytest.raises(EmailAlreadyRegistered),
    ):
        await office.accept(here.token)
    assert await _count(office, "users") == 1
    assert len(await _pending(office)) == 1


async def test_people_and_invitations_share_the_seats(office: Office) -> None:
    call = office.call(office.owner, seats=3)
    email = _email()
    await office.invite(email, by=call)
    await office.invite(by=call)
    with pytest.raises(PlanLimitReached):
        await office.invite(by=call)
    await office.invite(email, by=call)
    (first, *_) = await _pending(office)
    await office.take_back(first)
    made = await office.invite(by=call)
    await office.accept(made.token)
    with pytest.raises(PlanLimitReached):
        await office.invite(by=call)


async def test_invitations_at_once_never_exceed_the_seats(office: Office) -> None:
    call = office.call(office.owner, seats=4)
    outcomes = await asyncio.gather(
        *(office.invite(by=call) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Invitation) for outcome in outcomes) == 3
    assert {type(outcome) for outcome in outcomes} == {Invitation, PlanLimitReached}


async def test_only_owners_invite_owners(office: Office) -> None:
    admin = await office.hire("admin")
    for call in (office.call(admin), office.key()):
        await office.invite(by=call, role=ROLE_ADMIN)
        with pytest.raises(OwnersOnly):
            await office.invite(by=call, role=ROLE_OWNER)
    assert (await office.invite(role=ROLE_OWNER)).role == ROLE_OWNER


async def test_nobody_is_invited_into_another_tenants_workspace(office: Office) -> None:
    stranger = await office.desk.person()
    for workspace_id in (stranger.workspace_id, new_id()):
        with pytest.raises(WorkspaceNotFound):
            await office.invite(workspace_id=workspace_id)


async def test_an_invitation_into_another_workspace_starts_there(office: Office) -> None:
    workspace_id = new_id()
    await office.run("INSERT INTO crm.workspaces (id, name) VALUES ($1, 'Filial')", workspace_id)
    made = await office.invite(workspace_id=workspace_id)
    assert (await office.accept(made.token)).workspace_id == workspace_id


@pytest.mark.parametrize("password", ["password123", "aaaaaaaaaaaa"])
async def test_a_weak_password_is_refused_and_the_invitation_still_works(
    office: Office, password: str
) -> None:
    made = await office.invite()
    with pytest.raises(PasswordTooWeak):
        await office.accept(made.token, password=password)
    await office.accept(made.token)


async def test_nobody_joins_a_suspended_business(office: Office) -> None:
    made = await office.invite()
    await office.desk.set_tenant_status(office.tenant_id, 2)
    with pytest.raises(TenantSuspended):
        await office.accept(made.token)
    await office.desk.set_tenant_status(office.tenant_id, 1)
    await office.accept(made.token)


async def test_invitations_are_listed_a_page_at_a_time(office: Office) -> None:
    made = [await office.invite() for _ in range(3)]
    call = office.call(office.owner, readonly=True)
    first = await list_invitations(call, ListInvitationsRequest(page_size=2))
    request = ListInvitationsRequest(page_size=2, page_token=first.next_page_token)
    second = await list_invitations(call, request)
    listed = [*first.invitations, *second.invitations]
    assert [one.id for one in listed] == [one.id for one in made[::-1]]
    assert not second.next_page_token
