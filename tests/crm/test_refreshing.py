"""Trading a session's tokens: each refresh token once, and a retry gets the same answer."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta

import pytest

from services.crm.identity.directory import StoredAccess
from services.crm.sessions.model import RefreshTokenInvalid
from services.crm.sessions.tokens import REFRESH, new_token
from services.kit.auth import SessionEnded
from services.kit.ids import new_id
from tests.crm.desk import Desk, claims_of

DAY = timedelta(days=1)


async def test_every_trade_gives_a_new_pair_of_the_same_session(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    seen = {session.refresh_token}
    for _ in range(3):
        desk.clock.turn(minutes=10)
        after = await desk.refresh(session.refresh_token)
        assert after.session_id == session.session_id
        assert after.refresh_token not in seen
        assert after.refresh_expire_time.ToDatetime(UTC) == desk.clock.now() + 30 * DAY
        seen.add(after.refresh_token)
        session = after


async def test_a_used_refresh_token_ends_the_session(desk: Desk) -> None:
    person = await desk.person()
    stolen = await desk.sign_in(person.email)
    kept = await desk.refresh(stolen.refresh_token)
    desk.clock.turn(seconds=11)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(stolen.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(kept.refresh_token)
    assert await desk.ended(person.tenant_id) == [stolen.session_id]
    with pytest.raises(SessionEnded):
        await StoredAccess(desk.database).of_session(kept.session_id, person.tenant_id)


async def test_a_retry_at_once_gets_the_very_same_answer(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    first = await desk.refresh(session.refresh_token)
    desk.clock.turn(seconds=10)
    again = await desk.refresh(session.refresh_token)
    assert again.SerializeToString() == first.SerializeToString()
    assert await desk.refresh(again.refresh_token)


async def test_no_retry_once_the_new_token_was_used(desk: Desk) -> None:
    person = await desk.person()
    first = await desk.sign_in(person.email)
    second = await desk.refresh(first.refresh_token)
    third = await desk.refresh(second.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(first.refresh_token)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(third.refresh_token)
    assert await desk.ended(person.tenant_id) == [first.session_id]


async def test_parallel_trades_have_one_successor(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    answers = await asyncio.gather(*(desk.refresh(session.refresh_token) for _ in range(8)))
    assert len({answer.SerializeToString() for answer in answers}) == 1
    assert await desk.refresh(answers[0].refresh_token)
    assert await desk.ended(person.tenant_id) == []


async def test_the_kept_answer_is_gone_once_its_token_was_used(desk: Desk) -> None:
    person = await desk.person()
    first = await desk.sign_in(person.email)
    second = await desk.refresh(first.refresh_token)
    await desk.refresh(second.refresh_token)
    kept = "SELECT count(*) FROM crm.refresh_tokens WHERE answer IS NOT NULL"
    assert await desk.value(person.tenant_id, kept) == 1


async def test_an_unused_session_ends_after_thirty_days(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    desk.clock.turn(days=30)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(session.refresh_token)


async def test_every_session_ends_after_ninety_days(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    for _ in range(3):
        desk.clock.turn(days=29)
        session = await desk.refresh(session.refresh_token)
    assert session.refresh_expire_time.ToDatetime(UTC) < desk.clock.now() + 30 * DAY
    desk.clock.turn(days=3)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(session.refresh_token)


async def test_a_trade_gives_what_the_person_may_do_now(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    await desk.run(
        person.tenant_id, "UPDATE crm.users SET role = 'viewer' WHERE id = $1", person.id
    )
    after = claims_of(await desk.refresh(session.refresh_token))
    assert after["role"] == "viewer"
    assert "assistants:write" not in str(after["scope"])


async def test_no_token_of_anothers_tenant_or_of_nobody_is_traded(desk: Desk) -> None:
    session = await desk.sign_in((await desk.person()).email)
    stranger = await desk.person()
    tokens = [
        new_token(REFRESH, session.tenant_id).text,
        new_token(REFRESH, stranger.tenant_id).text,
        new_token(REFRESH, new_id()).text,
        session.refresh_token[:-1] + ("A" if session.refresh_token[-1] != "A" else "B"),
        session.access_token,
        "x",
    ]
    for token in tokens:
        with pytest.raises(RefreshTokenInvalid):
            await desk.refresh(token)
    assert await desk.refresh(session.refresh_token)


async def test_a_removed_person_has_no_session(desk: Desk) -> None:
    person = await desk.person()
    session = await desk.sign_in(person.email)
    await desk.refresh(session.refresh_token)
    await desk.run(person.tenant_id, "DELETE FROM crm.users WHERE id = $1", person.id)
    with pytest.raises(RefreshTokenInvalid):
        await desk.refresh(session.refresh_token)
    assert await desk.value(person.tenant_id, "SELECT count(*) FROM crm.refresh_tokens") == 0
