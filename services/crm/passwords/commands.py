"""Passwords, forgotten and changed."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

from google.protobuf.empty_pb2 import Empty
from malha.crm.v1.password_service_pb2 import (
    ChangePasswordRequest,
    RequestPasswordResetRequest,
    ResetPasswordRequest,
)

from services.crm.mail.addresses import require_deliverable
from services.crm.mail.outbox import MailOutbox
from services.crm.passwords.hashing import Passwords
from services.crm.passwords.model import ResetTokenInvalid, require_strong
from services.crm.sessions.accounts import get_caller, switch_to_tenant_of
from services.crm.sessions.ending import end_sessions
from services.crm.sessions.guessing import Guessing
from services.crm.sessions.model import CredentialsInvalid
from services.crm.sessions.tokens import RESET, new_token, read_token
from services.crm.settings import CrmSettings
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.sql import load_sql

sql = load_sql(__package__, "passwords.sql")

_CHANGED = "password_changed"


async def request_password_reset(
    call: Call,
    request: RequestPasswordResetRequest,
    *,
    guessing: Guessing,
    mails: MailOutbox,
    settings: CrmSettings,
    clock: Clock,
) -> Empty:
    """Send a link for a new password, if anybody has the address; it always takes as long."""
    email = request.email.strip().lower()
    require_deliverable(email)
    async with (
        _lasting(settings.password_reset_answer_time),
        guessing.asking(email, call.address),
        call.transaction() as tx,
    ):
        tenant_id = await switch_to_tenant_of(tx, email)
        token, now = new_token(RESET, tenant_id), clock.now()
        expire_time = now + settings.password_reset_time
        await tx.run(sql.delete_over, email, now)
        person = await tx.maybe(sql.insert_reset, token.hash, email, expire_time)
        if person is not None:
            await mails.enqueue(
                tx,
                kind="password_reset",
                to=email,
                language=person["language"],
                secret=token.text,
                expire_time=expire_time,
                name=person["name"],
                business=person["business"],
            )
    return Empty()


async def reset_password(
    call: Call,
    request: ResetPasswordRequest,
    *,
    guessing: Guessing,
    passwords: Passwords,
    mails: MailOutbox,
    clock: Clock,
) -> Empty:
    """Set a new password with the secret of a link, once, and end every session of the person."""
    read = read_token(RESET, request.token)
    if read is None:
        raise ResetTokenInvalid
    tenant_id, token_hash = read
    async with call.transaction(tenant_id=tenant_id) as tx:
        email = await tx.value(sql.find_reset, token_hash, clock.now())
    if email is None:
        raise ResetTokenInvalid
    require_strong(request.new_password, email, field="new_password")
    password_hash = await passwords.hash(request.new_password, account=email, address=call.address)
    async with call.transaction(tenant_id=tenant_id) as tx:
        now = clock.now()
        used = await tx.one(sql.use_reset, token_hash, now, missing=ResetTokenInvalid())
        person = await tx.one(sql.reset_password, used["user_id"], password_hash, now)
        await end_sessions(tx, used["user_id"])
        await mails.tell(tx, _CHANGED, person, now)
        await guessing.forgive(tx, email, call.address)
    return Empty()


async def change_password(
    call: Call,
    request: ChangePasswordRequest,
    *,
    guessing: Guessing,
    passwords: Passwords,
    mails: MailOutbox,
    clock: Clock,
) -> Empty:
    """Change the caller's password, and end their other sessions."""
    person = await get_caller(call)
    turn = {"account": person["email"], "address": call.address}
    async with guessing.attempt(person["email"], call.address) as attempt:
        stored = person["password_hash"]
        if not await passwords.matches(stored, request.password, **turn):
            raise CredentialsInvalid
        require_strong(request.new_password, person["email"], field="new_password")
        password_hash = await passwords.hash(request.new_password, **turn)
        async with call.transaction() as tx:
            row = await tx.one(
                sql.change_password,
                call.actor.id,
                stored,
                password_hash,
                clock.now(),
                missing=CredentialsInvalid(),
            )
            await end_sessions(tx, call.actor.id, keep=call.actor.session_id)
            await mails.tell(tx, _CHANGED, row, clock.now())
            await attempt.succeed(tx)
    return Empty()


@asynccontextmanager
async def _lasting(duration: timedelta) -> AsyncIterator[None]:
    """Take no less time than this, however it ends."""
    until = time.monotonic() + duration.total_seconds()
    try:
        yield
    finally:
        await asyncio.sleep(until - time.monotonic())
