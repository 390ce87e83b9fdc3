"""Who is calling: keys and sessions as every service is told of them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from unittest.mock import patch

import pytest
from malha.crm.v1.admin_service_pb2 import SetTenantStatusRequest
from malha.crm.v1.identity_service_pb2 import VerifyApiKeyRequest, VerifySessionRequest
from malha.crm.v1.tenant_pb2 import (
    TENANT_STATUS_ACTIVE,
    TENANT_STATUS_DELETED,
    TENANT_STATUS_SUSPENDED,
    TenantStatus,
)
from malha.crm.v1.user_pb2 import ROLE_OWNER, Role

from services.crm.admin.commands import set_tenant_status
from services.crm.api_keys.keys import new_key
from services.crm.identity.commands import verify_api_key
from services.crm.identity.directory import StoredAccess
from services.crm.identity.model import SCOPES, email_hash, role_of, role_text
from services.crm.identity.queries import verify_session
from services.crm.settings import CrmSettings
from services.crm.tenants.model import PLANS
from services.kit.auth import ApiKeyInvalid, SessionEnded
from services.kit.db import Database, DatabaseUnavailable, Transaction
from services.kit.ids import new_id
from services.kit.testing import service_call
from tests.crm.business import Business, new_business, operator_call


async def _session(business: Business, *, lasts: timedelta = timedelta(hours=1)) -> str:
    session_id = new_id()
    async with business.person().transaction() as tx:
        await tx.run(
            """INSERT INTO crm.sessions
                 (id, user_id, workspace_id, user_agent, create_time, refresh_time, expire_time)
               VALUES ($1, $2, $3, '', now(), now(), now() + $4)""",
            *(session_id, business.made.user_id, business.workspace_id, lasts),
        )
    return session_id


async def _last_use(business: Business) -> object:
    async with business.person().transaction() as tx:
        return await tx.value("SELECT last_use_time FROM crm.api_keys")


async def test_a_key_is_told_with_its_tenants_limits(
    database: Database, business: Business, access: StoredAccess
) -> None:
    request = VerifyApiKeyRequest(api_key=business.made.api_key)
    found = await verify_api_key(service_call(database), request, directory=access)
    assert (found.tenant_id, found.workspace_id) == (business.id, business.workspace_id)
    assert found.tenant_status == TENANT_STATUS_ACTIVE
    assert found.limits == PLANS["free"].limits
    assert not found.HasField("expire_time")


async def test_a_session_is_told_with_its_persons_role(
    database: Database, business: Business, access: StoredAccess
) -> None:
    session_id = await _session(business)
    request = VerifySessionRequest(session_id=session_id, tenant_id=business.id)
    found = await verify_session(service_call(database), request, directory=access)
    assert (found.id, found.workspace_id) == (business.made.user_id, business.workspace_id)
    assert tuple(found.scopes) == SCOPES["owner"]
    assert found.limits == PLANS["free"].limits
    assert found.HasField("expire_time")
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.users SET role = 'viewer'")
    found = await access.of_session(session_id, business.id)
    assert tuple(found.scopes) == SCOPES["viewer"]


@pytest.mark.parametrize("status", [TENANT_STATUS_SUSPENDED, TENANT_STATUS_DELETED])
async def test_that_a_tenant_is_not_served_is_told_and_not_judged_here(
    database: Database, business: Business, access: StoredAccess, status: TenantStatus
) -> None:
    session_id = await _session(business)
    request = SetTenantStatusRequest(tenant_id=business.id, status=status, reason="unpaid")
    await set_tenant_status(operator_call(database), request, settings=CrmSettings())
    assert (await access.of_api_key(business.made.api_key)).tenant_status == status
    assert (await access.of_session(session_id, business.id)).tenant_status == status


async def test_a_session_that_has_ended_or_is_anothers_is_none(
    database: Database, business: Business, access: StoredAccess
) -> None:
    other = await new_business(database)
    over = await _session(business, lasts=timedelta(seconds=-1))
    ended = await _session(business)
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.sessions SET end_time = now() WHERE id = $1", ended)
    mine = await _session(business)
    for session_id, tenant_id in (
        (over, business.id),
        (ended, business.id),
        (mine, other.id),
        (mine, new_id()),
        (new_id(), business.id),
    ):
        with pytest.raises(SessionEnded):
            await access.of_session(session_id, tenant_id)
    assert (await access.of_session(mine, business.id)).tenant_id == business.id


async def test_a_changed_secret_is_no_key(
    database: Database, business: Business, access: StoredAccess
) -> None:
    other = await new_business(database)
    own, theirs = business.made.api_key, other.made.api_key
    mixed = "_".join([*own.split("_")[:2], *theirs.split("_")[2:]])
    for text in (mixed, new_key().text, own[:-1], "malha_x", own.upper(), "", "é" * 80):
        with pytest.raises(ApiKeyInvalid):
            await access.of_api_key(text)


async def test_a_well_formed_key_with_anothers_secret_is_refused(
    database: Database, business: Business, access: StoredAccess
) -> None:
    """The checksum is right, so only the hash tells."""
    guess = new_key()
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.api_keys SET secret_hash = $1", new_key().secret_hash)
        await tx.run(
            "INSERT INTO crm.api_key_routes (key_id, tenant_id) VALUES ($1, current_tenant())",
            guess.id,
        )
        await tx.run("UPDATE crm.api_keys SET id = $1", guess.id)
    with pytest.raises(ApiKeyInvalid):
        await access.of_api_key(guess.text)


async def test_what_is_no_key_costs_no_query(business: Business) -> None:
    nobody = StoredAccess(None)
    for text in ("", "malha_x", business.made.api_key[:-1], "a" * 200):
        with pytest.raises(ApiKeyInvalid):
            await nobody.of_api_key(text)


async def test_use_is_noted_at_most_once_a_minute(business: Business, access: StoredAccess) -> None:
    assert await _last_use(business) is None
    await access.of_api_key(business.made.api_key)
    first = await _last_use(business)
    assert first is not None
    await access.of_api_key(business.made.api_key)
    assert await _last_use(business) == first
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.api_keys SET last_use_time = now() - interval '61 seconds'")
    await access.of_api_key(business.made.api_key)
    assert await _last_use(business) != first


async def test_a_key_that_somebody_is_changing_is_not_waited_for(
    business: Business, access: StoredAccess
) -> None:
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.api_keys SET name = 'x'")
        async with asyncio.timeout(5):
            found = await access.of_api_key(business.made.api_key)
    assert found.tenant_id == business.id


async def test_a_note_that_cannot_be_made_turns_nobody_away(
    business: Business, access: StoredAccess
) -> None:
    async def broken(self: Transaction, query: str, *args: object) -> int:
        raise DatabaseUnavailable

    with patch.object(Transaction, "run", broken):
        found = await access.of_api_key(business.made.api_key)
    assert found.tenant_id == business.id
    assert await _last_use(business) is None


def test_roles_are_read_off_the_contract() -> None:
    assert set(SCOPES) == {"owner", "admin", "agent", "viewer"}
    assert set(SCOPES["owner"]) - set(SCOPES["admin"]) == {"tenant:delete", "tenant:restore"}
    assert set(SCOPES["viewer"]) < set(SCOPES["agent"]) < set(SCOPES["admin"])
    for text in SCOPES:
        assert role_text(role_of(text)) == text
    assert role_of("owner") == ROLE_OWNER
    with pytest.raises(ValueError, match="ROOT"):
        role_of("root")
    assert Role.Name(role_of("agent")) == "ROLE_AGENT"


def test_an_address_is_the_same_however_it_is_written() -> None:
    assert email_hash(" Ana@Example.com ") == email_hash("ana@example.com")
    assert email_hash("ana@example.com") != email_hash("bia@example.com")
