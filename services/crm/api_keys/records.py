"""Keys as rows: how one is stored, whoever makes it."""

from collections.abc import Sequence
from datetime import datetime

from malha.crm.v1.api_key_pb2 import ApiKey

from services.crm.api_keys.keys import NewKey
from services.crm.api_keys.model import api_key_of
from services.crm.tenants.changes import actor_text
from services.kit.auth import Actor
from services.kit.db import Transaction
from services.kit.sql import load_sql

sql = load_sql(__package__, "api_keys.sql")


async def insert_key(
    tx: Transaction,
    key: NewKey,
    workspace_id: str,
    name: str,
    scopes: Sequence[str],
    *,
    creator: Actor,
    networks: Sequence[str] = (),
    expire_time: datetime | None = None,
) -> ApiKey:
    """Store a key as a hash, and return its record."""
    row = await tx.one(
        sql.insert_api_key,
        key.id,
        workspace_id,
        name,
        key.secret_hash,
        scopes,
        networks,
        key.last_four,
        actor_text(creator),
        expire_time,
    )
    return api_key_of(row)
