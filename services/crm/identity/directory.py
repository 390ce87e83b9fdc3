"""What a key or a session may do, from crm's own tables."""

import secrets
from collections.abc import Mapping, Sequence
from typing import Any

from malha.crm.v1.identity_service_pb2 import Access

from services.crm.api_keys.keys import read_key
from services.crm.identity.model import SCOPES
from services.crm.tenants.model import limits_of
from services.kit.auth import AccessDirectory, ApiKeyInvalid, SessionEnded
from services.kit.db import Database
from services.kit.log import get_logger
from services.kit.outbox import Stamp
from services.kit.sql import load_sql
from services.kit.times import timestamp_of

sql = load_sql(__package__, "identity.sql")

log = get_logger(__name__)


class StoredAccess(AccessDirectory):
    """Answers for every service. That a tenant is suspended is told, and not judged here."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def of_api_key(self, api_key: str) -> Access:
        if (read := read_key(api_key)) is None:
            raise ApiKeyInvalid
        key_id, secret_hash = read
        async with self._database.transaction(_of(""), readonly=True) as tx:
            tenant_id = await tx.value(sql.tenant_of_key, key_id)
            if tenant_id is None:
                raise ApiKeyInvalid
            await tx.switch(tenant_id)
            row = await tx.one(sql.get_key, key_id, missing=ApiKeyInvalid())
        if not secrets.compare_digest(row["secret_hash"], secret_hash):
            raise ApiKeyInvalid
        if not row["noted"]:
            await self._note_use(key_id, tenant_id)
        return _access(row, row["scopes"], row["allowed_networks"])

    async def of_session(self, session_id: str, tenant_id: str) -> Access:
        async with self._database.transaction(_of(tenant_id), readonly=True) as tx:
            row = await tx.one(sql.get_session, session_id, missing=SessionEnded())
        return _access(row, SCOPES[row["role"]])

    async def _note_use(self, key_id: str, tenant_id: str) -> None:
        try:
            async with self._database.transaction(_of(tenant_id)) as tx:
                await tx.run(sql.note_use, key_id)
        except Exception as error:
            # Whoever calls is known by now: a note that cannot be made must not turn them away.
            log.warning("use of an API key not noted", error=type(error).__name__)


def _access(row: Mapping[str, Any], scopes: Sequence[str], networks: Sequence[str] = ()) -> Access:
    return Access(
        id=row["id"],
        tenant_id=row["tenant_id"],
        workspace_id=row["workspace_id"],
        scopes=scopes,
        expire_time=timestamp_of(row["expire_time"]),
        allowed_networks=networks,
        tenant_status=row["status"],
        limits=limits_of(row["plan"], row["webhooks_per_minute"]),
    )


def _of(tenant_id: str) -> Stamp:
    return Stamp(tenant_id, "", "", "")
