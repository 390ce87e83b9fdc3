"""Switching the second factor on and off."""

from google.protobuf.empty_pb2 import Empty
from malha.crm.v1.second_factor_service_pb2 import (
    BeginSecondFactorRequest,
    BeginSecondFactorResponse,
    ConfirmSecondFactorRequest,
    ConfirmSecondFactorResponse,
    RemoveSecondFactorRequest,
)

from services.crm.mail.outbox import MailOutbox
from services.crm.passwords.hashing import Passwords
from services.crm.second_factor.codes import SecondFactors
from services.crm.second_factor.model import (
    CodeInvalid,
    SecondFactorAlreadyOn,
    SecondFactorNotBegun,
    new_recovery_codes,
    new_secret,
    recovery_hash,
    step_of,
    uri_of,
)
from services.crm.sessions.accounts import get_caller
from services.crm.sessions.guessing import Guessing
from services.crm.sessions.model import CredentialsInvalid
from services.kit.call import Call
from services.kit.clock import Clock
from services.kit.sql import load_sql

sql = load_sql(__package__, "second_factor.sql")

_CHANGED = "second_factor_changed"


async def begin_second_factor(
    call: Call,
    request: BeginSecondFactorRequest,
    *,
    guessing: Guessing,
    passwords: Passwords,
    second_factors: SecondFactors,
) -> BeginSecondFactorResponse:
    """A new secret for the caller's authenticator; it counts once it is confirmed."""
    user_id = call.actor.id
    person = await get_caller(call)
    async with guessing.attempt(person["email"], call.address) as attempt:
        if not await passwords.matches(
            person["password_hash"],
            request.password,
            account=person["email"],
            address=call.address,
        ):
            raise CredentialsInvalid
        secret = new_secret()
        sealed = second_factors.seal(secret, call.tenant_id, user_id)
        async with call.transaction() as tx:
            await tx.one(sql.begin, user_id, sealed, missing=SecondFactorAlreadyOn())
            await attempt.succeed(tx)
    return BeginSecondFactorResponse(secret=secret, uri=uri_of(secret, person["email"]))


async def confirm_second_factor(
    call: Call,
    request: ConfirmSecondFactorRequest,
    *,
    guessing: Guessing,
    second_factors: SecondFactors,
    mails: MailOutbox,
    clock: Clock,
) -> ConfirmSecondFactorResponse:
    """Switch the second factor on."""
    person, user_id = await get_caller(call), call.actor.id
    codes = new_recovery_codes()
    # Counted apart: a code says nothing about the password, and must not clear its count.
    attempt = guessing.attempt(person["email"], call.address, of="confirm", wrong=CodeInvalid)
    async with attempt as confirmed, call.transaction() as tx:
        factor = await tx.one(sql.lock_factor, user_id, missing=SecondFactorNotBegun())
        if factor["confirm_time"] is not None:
            raise SecondFactorNotBegun
        secret = second_factors.open(factor["secret"], call.tenant_id, user_id)
        step = step_of(secret, request.code, clock.now(), factor["last_step"])
        if step is None:
            raise CodeInvalid
        await tx.run(sql.confirm, user_id, clock.now(), step)
        await tx.run(sql.insert_recovery_codes, user_id, [recovery_hash(code) for code in codes])
        await mails.tell(tx, _CHANGED, await tx.one(sql.recipient, user_id), clock.now())
        await confirmed.succeed(tx)
    return ConfirmSecondFactorResponse(recovery_codes=codes)


async def remove_second_factor(
    call: Call,
    request: RemoveSecondFactorRequest,
    *,
    guessing: Guessing,
    passwords: Passwords,
    mails: MailOutbox,
    clock: Clock,
) -> Empty:
    """Switch the second factor off; off already is fine."""
    person = await get_caller(call)
    async with guessing.attempt(person["email"], call.address) as attempt:
        stored = person["password_hash"]
        if not await passwords.matches(
            stored, request.password, account=person["email"], address=call.address
        ):
            raise CredentialsInvalid
        async with call.transaction() as tx:
            row = await tx.one(sql.remove, call.actor.id, stored, missing=CredentialsInvalid())
            if row["was_on"]:
                await mails.tell(tx, _CHANGED, row, clock.now())
            await attempt.succeed(tx)
    return Empty()
