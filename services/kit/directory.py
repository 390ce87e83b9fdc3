"""Whose a key or a session is, for services that do not store them: crm is asked."""

from __future__ import annotations

from malha.crm.v1.identity_service_pb2 import Access, VerifyApiKeyRequest, VerifySessionRequest
from malha.crm.v1.identity_service_pb2_grpc import IdentityServiceStub

from services.kit.auth import AccessDirectory, ApiKeyInvalid, SessionEnded
from services.kit.errors import InvalidArgument, Unauthenticated
from services.kit.peers import Peers

_SECONDS = 3.0


class RemoteAccess(AccessDirectory):
    """Asks crm."""

    def __init__(self, peers: Peers) -> None:
        self._peers = peers

    async def of_api_key(self, api_key: str) -> Access:
        try:
            access: Access = await self._crm().VerifyApiKey(VerifyApiKeyRequest(api_key=api_key))
        except (Unauthenticated, InvalidArgument):
            raise ApiKeyInvalid from None
        return access

    async def of_session(self, session_id: str, tenant_id: str) -> Access:
        request = VerifySessionRequest(session_id=session_id, tenant_id=tenant_id)
        try:
            access: Access = await self._crm().VerifySession(request)
        except (Unauthenticated, InvalidArgument):
            raise SessionEnded from None
        return access

    def _crm(self) -> IdentityServiceStub:
        return self._peers.system_stub(IdentityServiceStub, deadline=_SECONDS)
