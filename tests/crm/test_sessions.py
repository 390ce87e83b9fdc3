"""Signing in and out, on a real PostgreSQL."""

from __future__ import annotations

import asyncio
from contextlib import nullcontext
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.session_service_pb2 import (
    DeleteSessionRequest,
    ListSessionsRequest,
    SignOutEverywhereRequest,
)
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
)

from services.crm.identity.directory import StoredAccess
from services.crm.identity.model import SCOPES
from services.crm.sessions.commands import delete_session, sign_out_everywhere
from services.crm.sessions.model import (
    CredentialsInvalid,
    RefreshTokenInvalid,
    SessionNotFound,
    Showing,
    require_served,
    session_end,
    showing,
)
from services.crm.sessions.queries import list_sessions
from services.crm.sessions.tokens import REFRESH, RESET, new_token, read_token
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.auth import (
    Authenticator,
    SessionEnded,
    TenantDeleted,
    TenantSuspended,
    TokenInvalid,
)
from services.kit.devstack.infra import Infra
from services.kit.ids import new_id
from services.kit.testing import kit_settings
from tests.crm.desk import Desk, claims_of

NOW = datetime(2026, 11, 22, tzinfo=UTC)
DAY = timedelta(days=1)


# Rules


@pytest.mark.parametrize(
    ("over", "used", "kept", "gives"),
    [
        (True, None, False, Showing.OVER),
        (True, 1, True, Showing.OVER),
        (False, None, False, Showing.FIRST),
        (False, 0, True, Showing.REPEATED),
        (False, 10, True, Showing.REPEATED),
        (False, 11, True, Showing.REUSED),
        (False, 1, False, Showing.REUSED),
    ],
)
def test_what_showing_a_refresh_token_means(
    over: bool, used: int | None, kept: bool, gives: Showing
) -> None:
    use_time = None if used is None else NOW - timedelta(seconds=used)
    meaning = showing(
        now=NOW,
        session_over=over,
        use_time=use_time,
        answer_kept=kept,
        retry_time=timedelta(seconds=10),
    )
    assert meaning is gives


@given(days=st.lists(st.floats(0, 29), max_size=20))
def test_a_used_session_goes_on_but_never_past_its_limit(days: list[float]) -> None:
    now, end = NOW, session_end(NOW, NOW, 30 * DAY, 90 * DAY)
    for passed in days:
        now += passed * DAY
        if now >= end:
            break
        end = session_end(NOW, now, 30 * DAY, 90 * DAY)
    assert end <= NOW + 90 * DAY
    assert end <= now + 30 * DAY


@pytest.mark.parametrize(
    ("status", "role", "fails"),
    [
        (TENANT_STATUS_ACTIVE, "viewer", None),
        (TENANT_STATUS_SUSPENDED, "owner", TenantSuspended),
        (TENANT_STATUS_DELETED, "owner", None),
        (TENANT_STATUS_DELETED, "admin", TenantDeleted),
        (0, "owner", TenantSuspended),
    ],
)
def test_who_may_sign_in(status: int, role: str, fails: type[Exception] | None) -> None:
    with pytest.raises(fails) if fails else nullcontext():
        require_served(status, role)


def test_a_token_reads_back_and_only_as_its_own_kind() -> None:
    tenant_id = new_id()
    token = new_token(REFRESH, tenant_id)
    assert read_token(REFRESH, token.text) == (tenant_id, token.hash)
    assert read_token(RESET, token.text) is None
    assert token.text not in str(token.hash)


@given(text=st.text(max_size=120))
def test_noise_is_no_token(text: str) -> None:
    assert read_token(REFRESH, text) is None
    read = read_token(REFRESH, REFRESH + text)
    assert read is None or len(text) == 64


# Signing in


async def test_a_person_signs_in_and_the_token_says_who(desk: Desk, infra: Infra) -> None:
    person = await desk.person(role="agent")
    session = await desk.sign_in(f" {person.email.upper()} ")
    claims = claims_of(session)
    assert {name: claims[name] for name in ("kind", "sub", "sid", "tid", "wid", "role")} == {
        "kind": "user",
        "sub": person.id,
        "sid": session.session_id,
        "tid": person.tenant_id,
        "wid": person.workspace_id,
        "role": "agent",
    }
    assert str(claims["scope"]).split() == list(SCOPES["agent"])
    assert claims["exp"] - claims["iat"] == 600  # type: ignore[operator]
    keys = kit_settings(infra.environment("crm")).service_public_keys
    actor = await _identify(desk, keys, session)
    assert (actor.kind, actor.id, actor.session_id) == ("user", person.id, session.session_id)
    actor.require("conversations:write")


async def test_the_answer_names_everything_a_client_keeps(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    assert (session.user_id, session.tenant_id) == (person.id, person.tenant_id)
    assert session.workspace_id == person.workspace_id
    ends = session.refresh_expire_time.ToDatetime(UTC)
    assert ends == desk.clock.now() + 30 * DAY
    signed_in = "SELECT sign_in_time FROM crm.users WHERE id = $1"
    assert await desk.value(person.tenant_id, signed_in, person.id) == desk.clock.now()


async def test_a_wrong_password_and_an_unknown_address_get_the_same_answer(desk: Desk) -> None:
    person = await desk.person()
    answers = []
    for email in (person.email, f"{new_id()}@example.com"):
        with pytest.raises(CredentialsInvalid) as refused:
            await desk.sign_in(email, "wrong wrong")
        answers.append((refused.value.reason, refused.value.message, refused.value.metadata))
    assert answers[0] == answers[1]
    assert desk.passwords.checked == 2


async def test_the_tokens_of_a_session_are_not_stored(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.refresh((await desk.sign_in(person.email)).refresh_token)
    async with desk.database.pool.acquire() as connection, connection.transaction():
        await connection.execute(f"SET LOCAL app.tenant_id = '{person.tenant_id}'")
        for table in ("sessions", "refresh_tokens"):
            rows = await connection.fetch(f"SELECT t::text AS row FROM crm.{table} t")
            stored = "".join(row["row"] for row in rows)
            assert stored
            assert session.refresh_token not in stored
            assert session.refresh_token.encode().hex() not in stored
            assert session.access_token.encode().hex() not in stored


async def test_another_workspace_is_worked_in_if_it_exists(desk: Desk) -> None:
    person, stranger = await desk.person(), await desk.person()
    workspace_id = await _workspace(desk, person.tenant_id)
    session = await desk.sign_in(person.email, workspace_id=workspace_id)
    assert claims_of(session)["wid"] == workspace_id
    for wrong in (new_id(), stranger.workspace_id):
        with pytest.raises(WorkspaceNotFound):
            await desk.sign_in(person.email, workspace_id=wrong)
        with pytest.raises(WorkspaceNotFound):
            await desk.refresh(session.refresh_token, workspace_id=wrong)
    session = await desk.refresh(session.refresh_token, workspace_id=person.workspace_id)
    assert claims_of(session)["wid"] == person.workspace_id


async def test_nobody_signs_in_to_a_suspended_tenant_and_the_token_waits(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    await desk.set_tenant_status(person.tenant_id, TENANT_STATUS_SUSPENDED)
    with pytest.raises(TenantSuspended):
        await desk.sign_in(person.email)
    with pytest.raises(TenantSuspended):
        await desk.refresh(session.refresh_token)
    with pytest.raises(CredentialsInvalid):  # Only the right password learns of it.
        await desk.sign_in(person.email, "wrong wrong")
    await desk.set_tenant_status(person.tenant_id, TENANT_STATUS_ACTIVE)
    assert await desk.refresh(session.refresh_token)


async def test_only_an_owner_signs_in_to_a_deleted_tenant(desk: Desk) -> None:
    owner = await desk.person()
    admin = await desk.person(role="admin", of=owner)
    sessions = {one: await desk.sign_in(one.email) for one in (owner, admin)}
    await desk.set_tenant_status(owner.tenant_id, TENANT_STATUS_DELETED)
    assert await desk.sign_in(owner.email)
    assert await desk.refresh(sessions[owner].refresh_token)
    with pytest.raises(TenantDeleted):
        await desk.sign_in(admin.email)
    with pytest.raises(TenantDeleted):
        await desk.refresh(sessions[admin].refresh_token)


async def test_a_password_hashed_with_old_parameters_is_hashed_anew(desk: Desk) -> None:
    person = await desk.person()
    stored = "SELECT password_hash FROM crm.users WHERE id = $1"
    before = await desk.value(person.tenant_id, stored, person.id)
    desk.passwords.use(time_cost=2)
    await desk.sign_in(person.email)
    after = await desk.value(person.tenant_id, stored, person.id)
    assert (",t=1," in str(before), ",t=2," in str(after)) == (True, True)
    await desk.sign_in(person.email)
    assert await desk.value(person.tenant_id, stored, person.id) == after


async def test_a_password_changed_while_it_is_checked_does_not_let_in(desk: Desk) -> None:
    person = await desk.person()
    checked = desk.passwords.hold()
    signing_in = asyncio.create_task(desk.sign_in(person.email))
    await checked.wait()
    other = await desk.passwords.hash("another password")
    await desk.run(
        person.tenant_id, "UPDATE crm.users SET password_hash = $2 WHERE id = $1", person.id, other
    )
    desk.passwords.let_go()
    with pytest.raises(CredentialsInvalid):
        await signing_in


async def test_one_session_too_many_ends_the_oldest(desk: Desk) -> None:
    desk.settings.sessions_per_user = 2
    person = await desk.person()
    first, *others = [await desk.sign_in(person.email) for _ in range(3)]
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(first.refresh_token)
    assert await desk.ended(person.tenant_id) == [first.session_id]
    for session in others:
        assert await desk.refresh(session.refresh_token)


# Signing out


async def test_a_person_sees_their_own_live_sessions(desk: Desk) -> None:
    person = await desk.person()
    colleague = await desk.person(of=person)
    await desk.sign_in(colleague.email)
    old, ended, here = [await desk.sign_in(person.email, user_agent=f"ua {n}") for n in range(3)]
    await _delete(desk, here, ended.session_id)
    found = await _list(desk, here)
    assert [(one.id, one.current) for one in found.sessions] == [
        (here.session_id, True),
        (old.session_id, False),
    ]
    assert found.sessions[1].user_agent == "ua 0"
    desk.clock.turn(days=30)
    assert not (await _list(desk, here)).sessions


async def test_sessions_come_in_pages(desk: Desk) -> None:
    person = await desk.person()
    sessions = [await desk.sign_in(person.email) for _ in range(5)]
    request, seen = ListSessionsRequest(page_size=2), []
    while True:
        call = desk.call(sessions[0], readonly=True)
        page = await list_sessions(call, request, clock=desk.clock)
        seen += [one.id for one in page.sessions]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == [one.session_id for one in reversed(sessions)]


async def test_an_ended_session_is_over_everywhere(desk: Desk, infra: Infra) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    await _delete(desk, session, session.session_id.upper())
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(session.refresh_token)
    assert await desk.ended(person.tenant_id) == [session.session_id]
    keys = kit_settings(infra.environment("crm")).service_public_keys
    with pytest.raises(SessionEnded):
        await _identify(desk, keys, session)
    with pytest.raises(SessionNotFound):
        await _delete(desk, session, session.session_id)


async def test_nobody_ends_anothers_session(desk: Desk) -> None:
    person = await desk.person()
    mine = await desk.sign_in(person.email)
    colleague = await desk.sign_in((await desk.person(of=person)).email)
    stranger = await desk.sign_in((await desk.person()).email)
    for other in (colleague.session_id, stranger.session_id, new_id()):
        with pytest.raises(SessionNotFound):
            await _delete(desk, mine, other)
    assert await desk.refresh(colleague.refresh_token)
    assert await desk.refresh(stranger.refresh_token)


async def test_signing_out_everywhere_ends_all_of_ones_own(desk: Desk) -> None:
    person = await desk.person()
    mine = [await desk.sign_in(person.email) for _ in range(3)]
    colleague = await desk.sign_in((await desk.person(of=person)).email)
    await sign_out_everywhere(desk.call(mine[0]), SignOutEverywhereRequest())
    for session in mine:
        with pytest.raises(RefreshTokenInvalid):
            await desk.refresh(session.refresh_token)
    assert set(await desk.ended(person.tenant_id)) == {one.session_id for one in mine}
    assert await desk.refresh(colleague.refresh_token)
    await sign_out_everywhere(desk.call(mine[0]), SignOutEverywhereRequest())
    assert len(await desk.ended(person.tenant_id)) == 3, "an event without ids means everybody"


async def test_a_token_nobody_signed_is_nobody(desk: Desk, infra: Infra) -> None:
    session = await desk.sign_in((await desk.person()).email)
    head, body, signature = session.access_token.split(".")
    keys = kit_settings(infra.environment("crm")).service_public_keys
    session.access_token = f"{head}.{body}.{signature[::-1]}"
    with pytest.raises(TokenInvalid):
        await _identify(desk, keys, session)


async def _identify(desk: Desk, keys: dict[str, str], session: Session):  # type: ignore[no-untyped-def]
    authenticator = Authenticator(keys, StoredAccess(desk.database))
    return await authenticator.identify({"authorization": f"Bearer {session.access_token}"})


async def _workspace(desk: Desk, tenant_id: str) -> str:
    workspace_id = new_id()
    await desk.run(
        tenant_id, "INSERT INTO crm.workspaces (id, name) VALUES ($1, 'South')", workspace_id
    )
    return workspace_id


async def _delete(desk: Desk, session: Session, session_id: str) -> None:
    request = DeleteSessionRequest(id=session_id)
    await delete_session(desk.call(session), request, clock=desk.clock)


async def _list(desk: Desk, session: Session):  # type: ignore[no-untyped-def]
    call = desk.call(session, readonly=True)
    return await list_sessions(call, ListSessionsRequest(), clock=desk.clock)
