"""Whose a key is, for services that do not store it. Its use is noted, so it is a command."""

from malha.crm.v1.identity_service_pb2 import Access, VerifyApiKeyRequest

from services.kit.auth import AccessDirectory
from services.kit.call import Call


async def verify_api_key(
    _call: Call, request: VerifyApiKeyRequest, *, directory: AccessDirectory
) -> Access:
    """Whose a key is and what it may do."""
    return await directory.of_api_key(request.api_key)
