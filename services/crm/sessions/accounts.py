"""Accounts as they are looked for: by an e-mail address, and by who is calling."""

from __future__ import annotations

from services.crm.identity.model import email_hash
from services.crm.sessions.model import CredentialsInvalid
from services.kit.call import Call
from services.kit.db import Record, Transaction
from services.kit.ids import new_id
from services.kit.sql import load_sql

sql = load_sql(__package__, "sessions.sql")


async def switch_to_tenant_of(tx: Transaction, email: str) -> str:
    """Go on as the tenant of whoever has the address. Its id.

    Of an address nobody has, one that does not exist: looking there takes as long.
    """
    tenant_id = str(await tx.value(sql.tenant_of_email, email_hash(email)) or new_id())
    await tx.switch(tenant_id)
    return tenant_id


async def get_caller(call: Call) -> Record:
    """The address and the stored password of whoever is calling. Raises CredentialsInvalid."""
    return await call.one(sql.get_caller, call.actor.id, missing=CredentialsInvalid())
