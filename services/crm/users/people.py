"""People as they are shown, and the locks under which they are changed."""

from __future__ import annotations

from dataclasses import dataclass

from malha.crm.v1.user_pb2 import User

from services.crm.identity.model import email_hash, role_of
from services.crm.tenants.model import EmailAlreadyRegistered
from services.crm.users.model import ADMIN, OWNER, UserNotFound
from services.kit.call import Call
from services.kit.db import Record, Transaction
from services.kit.etags import with_etag
from services.kit.rows import from_row
from services.kit.sql import load_sql
from services.kit.times import timestamp_of

sql = load_sql(__package__, "users.sql")


def shown(row: Record) -> User:
    """A person. Signing in is no change that an update could overwrite: no part of the etag."""
    user = with_etag(from_row(User, row, role=role_of(row["role"]), sign_in_time=None))
    user.MergeFrom(User(sign_in_time=timestamp_of(row["sign_in_time"])))
    return user


async def find_person(tx: Transaction, user_id: str) -> User:
    """A person, as this transaction will leave them."""
    return shown(await tx.one(sql.get_user, user_id, missing=UserNotFound(id=user_id)))


async def claim_email(tx: Transaction, email: str) -> None:
    """One account per e-mail address, of all tenants. Raises EmailAlreadyRegistered."""
    await tx.one(sql.claim_email, email_hash(email), missing=EmailAlreadyRegistered())


@dataclass(frozen=True, slots=True)
class Locked:
    """A person whose row is locked, and what the rules about owners ask for."""

    row: Record
    owners: int
    by: str
    """The caller's role. An API key counts as an admin: it is nobody, so it owns nothing."""


async def lock_person(tx: Transaction, call: Call, user_id: str) -> Locked:
    """Lock a person, the caller and every owner, always in the same order. Raises UserNotFound.

    Two who demote each other at once go one after the other, and the second sees what the first
    has done.
    """
    caller = call.actor.id if call.actor.kind == "user" else None
    roles = {row["id"]: row["role"] for row in await tx.all(sql.lock_people, user_id, caller)}
    if user_id not in roles:
        raise UserNotFound(id=user_id)
    return Locked(
        row=await tx.one(sql.get_user, user_id),
        owners=sum(role == OWNER for role in roles.values()),
        by=ADMIN if caller is None else roles.get(caller, ""),
    )
