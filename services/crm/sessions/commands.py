"""Signing in and out."""

from google.protobuf.empty_pb2 import Empty
from malha.crm.v1.events_pb2 import AccessChanged
from malha.crm.v1.session_pb2 import Session
from malha.crm.v1.session_service_pb2 import (
    DeleteSessionRequest,
    RefreshSessionRequest,
    SignInRequest,
    SignOutEverywhereRequest,
)

from services.crm.passwords.hashing import Passwords
from services.crm.second_factor.codes import SecondFactors
from services.crm.sessions.accounts import switch_to_tenant_of
from services.crm.sessions.ending import end_sessions
from services.crm.sessions.guessing import Guessing
from services.crm.sessions.model import (
    CredentialsInvalid,
    RefreshTokenInvalid,
    SessionNotFound,
)
from services.crm.sessions.opening import Sessions
from services.crm.sessions.tokens import REFRESH, read_token
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.db import Record
from services.kit.sql import load_sql

sql = load_sql(__package__, "sessions.sql")


async def sign_in(
    call: Call,
    request: SignInRequest,
    *,
    guessing: Guessing,
    passwords: Passwords,
    second_factors: SecondFactors,
    sessions: Sessions,
) -> Session:
    """A session for a person; a wrong address takes as long as a wrong password."""
    email = request.email.strip().lower()
    async with guessing.attempt(email, call.address) as attempt:
        person = await _find_person(call, email)
        stored = person["password_hash"] if person else None
        turn = {"account": email, "address": call.address}
        if not await passwords.matches(stored, request.password, **turn) or person is None:
            raise CredentialsInvalid
        outdated = passwords.is_outdated(person["password_hash"])
        new_hash = await passwords.hash(request.password, **turn) if outdated else None
        async with call.transaction(tenant_id=person["tenant_id"]) as tx:
            # Not let in by a password that was changed while it was being checked.
            await tx.one(
                sql.sign_in_person, person["id"], stored, new_hash, missing=CredentialsInvalid()
            )
            await second_factors.check(tx, person["tenant_id"], person["id"], request.code)
            session = await sessions.open(
                tx,
                user_id=person["id"],
                workspace_id=request.workspace_id,
                user_agent=call.user_agent,
            )
            await attempt.succeed(tx)
        return session


async def refresh_session(
    call: Call, request: RefreshSessionRequest, *, sessions: Sessions
) -> Session:
    """A new pair of tokens for the session's last one; a used one ends the session."""
    read = read_token(REFRESH, request.refresh_token)
    if read is None:
        raise RefreshTokenInvalid
    tenant_id, token_hash = read
    async with call.transaction(tenant_id=tenant_id) as tx:
        session = await sessions.trade(tx, token_hash, request.workspace_id)
    if session is None:  # Ended, and committed.
        raise RefreshTokenInvalid
    return session


async def delete_session(call: Call, request: DeleteSessionRequest, *, clock: Clock) -> Empty:
    """End one of the caller's sessions."""
    async with call.transaction() as tx:
        ended = await tx.one(
            sql.end_session,
            request.id,
            call.actor.id,
            clock.now(),
            missing=SessionNotFound(id=request.id),
        )
        tx.emit(AccessChanged(credential_ids=[ended["id"]]))
    return Empty()


async def sign_out_everywhere(call: Call, _request: SignOutEverywhereRequest) -> Empty:
    """End all of the caller's sessions."""
    async with call.transaction() as tx:
        await end_sessions(tx, call.actor.id)
    return Empty()


async def _find_person(call: Call, email: str) -> Record | None:
    async with call.transaction() as tx:
        await switch_to_tenant_of(tx, email)
        return await tx.maybe(sql.find_person, email)
