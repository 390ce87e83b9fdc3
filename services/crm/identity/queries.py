"""Whose a key is."""

import secrets

from malha.crm.v1.identity_service_pb2 import VerifyApiKeyRequest, VerifyApiKeyResponse
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE

from services.crm.identity.keys import read_key
from services.kit.auth import Actor, ApiKeyInvalid, KeyDirectory, TenantSuspended, actor_of_key
from services.kit.call import Call
from services.kit.db import Database, Record
from services.kit.outbox import Stamp
from services.kit.sql import load_sql

sql = load_sql(__package__, "identity.sql")


class StoredKeys(KeyDirectory):
    """crm's own look-up: the keys it stores."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def owner_of(self, api_key: str) -> Actor:
        row = await self.find(api_key)
        return actor_of_key(
            row["key_id"], row["tenant_id"], row["workspace_id"], row["scopes"], row["expire_time"]
        )

    async def find(self, api_key: str) -> Record:
        """The key's row. Raises ApiKeyInvalid, TenantSuspended."""
        if (read := read_key(api_key)) is None:
            raise ApiKeyInvalid
        key_id, secret_hash = read
        nobody = Stamp("", "", "", "")
        async with self._database.transaction(nobody, readonly=True) as tx:
            tenant_id = await tx.value(sql.tenant_of_key, key_id)
            if tenant_id is None:
                raise ApiKeyInvalid
            await tx.switch(tenant_id)
            row = await tx.one(sql.get_key, key_id, missing=ApiKeyInvalid())
        if not secrets.compare_digest(row["secret_hash"], secret_hash):
            raise ApiKeyInvalid
        if row["tenant_status"] != TENANT_STATUS_ACTIVE:
            raise TenantSuspended
        return row


async def verify_api_key(
    _call: Call, request: VerifyApiKeyRequest, *, keys: KeyDirectory
) -> VerifyApiKeyResponse:
    """Whose a key is, for services that do not store it."""
    actor = await keys.owner_of(request.api_key)
    response = VerifyApiKeyResponse(
        key_id=actor.id,
        tenant_id=actor.tenant_id,
        workspace_id=actor.workspace_id,
        scopes=sorted(actor.scopes),
    )
    if actor.expire_time != float("inf"):
        response.expire_time.FromMicroseconds(int(actor.expire_time * 1e6))
    return response
