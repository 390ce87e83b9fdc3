"""Signing in."""

import time

from malha.crm.v1.identity_service_pb2 import SignInRequest, SignInResponse
from malha.crm.v1.tenant_pb2 import TENANT_STATUS_ACTIVE

from services.crm.identity.model import SCOPES, email_hash
from services.crm.identity.passwords import Passwords
from services.crm.settings import CrmSettings
from services.kit.auth import Signer, TenantSuspended
from services.kit.call import Call
from services.kit.db import Record
from services.kit.errors import Unauthenticated
from services.kit.sql import load_sql

sql = load_sql(__package__, "identity.sql")


class CredentialsInvalid(Unauthenticated):
    """The e-mail address or the password is wrong."""


async def sign_in(
    call: Call,
    request: SignInRequest,
    *,
    passwords: Passwords,
    signer: Signer,
    settings: CrmSettings,
) -> SignInResponse:
    """A short access token for a person; a wrong address takes as long as a wrong password."""
    user = await _find_user(call, request.email)
    stored = user["password_hash"] if user else None
    if not await passwords.matches(stored, request.password) or user is None:
        raise CredentialsInvalid
    if user["tenant_status"] != TENANT_STATUS_ACTIVE:
        raise TenantSuspended
    seconds = int(settings.access_token_time.total_seconds())
    token = signer.sign(
        {
            "kind": "user",
            "sub": user["id"],
            "tid": user["tenant_id"],
            "wid": user["workspace_id"],
            "role": user["role"],
            "scope": " ".join(SCOPES[user["role"]]),
        },
        seconds,
    )
    response = SignInResponse(
        access_token=token,
        user_id=user["id"],
        tenant_id=user["tenant_id"],
        workspace_id=user["workspace_id"],
    )
    response.expire_time.FromSeconds(int(time.time()) + seconds)
    return response


async def _find_user(call: Call, email: str) -> Record | None:
    async with call.transaction() as tx:
        tenant_id = await tx.value(sql.tenant_of_email, email_hash(email))
        if tenant_id is None:
            return None
        await tx.switch(tenant_id)
        return await tx.maybe(sql.get_user, email.strip().lower())
