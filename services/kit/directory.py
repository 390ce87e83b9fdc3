"""Whose an API key is, for services that do not store keys: crm is asked."""

from __future__ import annotations

from datetime import UTC

from malha.crm.v1.identity_service_pb2 import VerifyApiKeyRequest
from malha.crm.v1.identity_service_pb2_grpc import IdentityServiceStub

from services.kit.auth import Actor, ApiKeyInvalid, KeyDirectory, TenantSuspended, actor_of_key
from services.kit.errors import InvalidArgument, PermissionDenied, Unauthenticated
from services.kit.peers import Peers

_SECONDS = 3.0


class RemoteKeys(KeyDirectory):
    """Asks crm."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def owner_of(self, api_key: str) -> Actor:
        crm = self._peers.system_stub(IdentityServiceStub, deadline=_SECONDS)
        try:
            key = await crm.VerifyApiKey(VerifyApiKeyRequest(api_key=api_key))
        except (Unauthenticated, InvalidArgument):
            raise ApiKeyInvalid from None
        except PermissionDenied:
            raise TenantSuspended from None
        ends = key.expire_time.ToDatetime(UTC) if key.HasField("expire_time") else None
        return actor_of_key(key.key_id, key.tenant_id, key.workspace_id, list(key.scopes), ends)
