"""Whose a session is, for services that do not store it."""

from malha.crm.v1.identity_service_pb2 import Access, VerifySessionRequest

from services.kit.auth import AccessDirectory
from services.kit.call import Call


async def verify_session(
    _call: Call, request: VerifySessionRequest, *, directory: AccessDirectory
) -> Access:
    """Whose a session is and what it may do."""
    return await directory.of_session(request.session_id, request.tenant_id)
