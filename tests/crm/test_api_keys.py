"""API keys: what one may be given, and that it does no more than whoever made it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any, cast

import pytest
from buf.validate import validate_pb2
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st
from malha.crm.v1.api_key_pb2 import ApiKey
from malha.crm.v1.api_key_service_pb2 import (
    CreateApiKeyRequest,
    GetApiKeyRequest,
    ListApiKeysRequest,
    NetworkList,
    NewApiKey,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    ScopeList,
    UpdateApiKeyRequest,
)
from malha.crm.v1.events_pb2 import AccessChanged

from services.crm.api_keys.commands import (
    rotate_api_key,
    update_api_key,
)
from services.crm.api_keys.model import (
    KEY_SCOPES,
    ApiKeyNotFound,
    ApiKeyRetired,
    ExpireTimePassed,
    ScopeNotHeld,
    networks_of,
)
from services.crm.api_keys.queries import get_api_key, list_api_keys
from services.crm.identity.directory import StoredAccess
from services.crm.workspaces.model import WorkspaceNotFound
from services.kit.auth import ApiKeyInvalid
from services.kit.clock import Clock
from services.kit.db import Database
from services.kit.errors import AppError, InvalidRequest
from services.kit.etags import EtagMismatch
from services.kit.ids import new_id
from services.kit.limits import PlanLimitReached
from services.kit.networks import Networks
from tests.crm.business import Business, after, create_key, new_business, revoke_key

CLOCK = Clock()
READ = "assistants:read"
WRITE = "assistants:write"
KEYS = "api_keys:write"


async def _listed(business: Business, **fields: object) -> list[ApiKey]:
    request = ListApiKeysRequest(**fields)
    return list((await list_api_keys(business.person(readonly=True), request)).api_keys)


def _fields(error: InvalidRequest) -> list[str]:
    return [name for name, _ in error.violations()]


async def test_a_new_key_works_and_only_its_hash_is_kept(
    business: Business, access: StoredAccess
) -> None:
    made = await create_key(business.person(), READ, "knowledge:read")
    found = await access.of_api_key(made.key)
    assert (found.id, found.tenant_id) == (made.api_key.id, business.id)
    assert list(found.scopes) == [READ, "knowledge:read"]
    assert made.api_key.last_four == made.key[-4:]
    assert made.api_key.creator == f"user:{business.made.user_id}"
    secret = made.key.split("_")[2]
    async with business.person().transaction() as tx:
        row = await tx.one(
            "SELECT k::text AS whole FROM crm.api_keys k WHERE id = $1", made.api_key.id
        )
    assert secret not in row["whole"]


async def test_a_key_does_no_more_than_its_maker(business: Business) -> None:
    agent = business.person("agent")
    with pytest.raises(ScopeNotHeld) as refused:
        await create_key(agent, READ, WRITE)
    assert refused.value.metadata == {"scope": WRITE}
    partner = business.key(KEYS, READ)
    assert (await create_key(partner, READ)).key
    with pytest.raises(ScopeNotHeld):
        await create_key(partner, "users:write")


@pytest.mark.parametrize("scope", ["tenant:delete", "tenant:restore", "made:up", "admin:admin"])
async def test_no_key_has_a_scope_that_is_not_for_keys(business: Business, scope: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await create_key(business.person("owner"), READ, scope)
    assert _fields(refused.value) == ["scopes[1]"]


@pytest.mark.parametrize(
    ("text", "stored"),
    [
        ("203.0.113.0/24", "203.0.113.0/24"),
        ("203.0.113.7", "203.0.113.7/32"),
        ("203.0.113.7/24", "203.0.113.0/24"),
        ("2001:DB8::/32", "2001:db8::/32"),
        ("0.0.0.0/0", "0.0.0.0/0"),
    ],
)
async def test_networks_are_read_and_kept_in_one_form(
    business: Business, access: StoredAccess, text: str, stored: str
) -> None:
    made = await create_key(business.person(), allowed_networks=[text])
    assert list(made.api_key.allowed_networks) == [stored]
    assert list((await access.of_api_key(made.key)).allowed_networks) == [stored]


@pytest.mark.parametrize(
    "text",
    [
        *("203.0.113.0/33", "203.0.113.0/-1", "example.com", "", "10.0.0.1 ", "1", "010.0.0.1"),
        *("::ffff:10.0.0.1", "fe80::1%eth0", "10.0.0.0/8,10.1.0.0/16", "１０.0.0.1"),
    ],
)
async def test_what_is_no_network_is_named_by_its_place(business: Business, text: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await create_key(business.person(), allowed_networks=["10.0.0.0/8", text])
    assert _fields(refused.value) == ["allowed_networks[1]"]


@given(st.lists(st.ip_addresses().map(str) | st.text(max_size=20), max_size=4))
def test_networks_are_refused_or_usable_by_the_pipeline(texts: list[str]) -> None:
    try:
        networks = networks_of(texts, "allowed_networks")
    except InvalidRequest:
        return
    read = Networks.of(tuple(networks))
    for network in read.allowed:
        assert read.admit(str(network.network_address))


async def test_a_moment_no_calendar_has_names_the_field(business: Business) -> None:
    with pytest.raises(InvalidRequest) as refused:
        await create_key(business.person(), expire_time=Timestamp(seconds=10**15))
    assert _fields(refused.value) == ["expire_time"]


@pytest.mark.parametrize("ago", [timedelta(0), timedelta(days=9000)])
async def test_no_key_ends_before_it_is_made_or_changed(business: Business, ago: timedelta) -> None:
    passed = Timestamp()
    passed.FromDatetime(CLOCK.now() - ago)
    made = await create_key(business.person())
    for attempt in (
        create_key(business.person(), expire_time=passed),
        update_api_key(
            business.person(),
            UpdateApiKeyRequest(id=made.api_key.id, expire_time=passed),
            clock=CLOCK,
        ),
    ):
        with pytest.raises(ExpireTimePassed) as refused:
            await attempt
        assert [name for name, _ in refused.value.violations()] == ["expire_time"]


async def test_a_key_stops_working_when_it_expires(
    business: Business, access: StoredAccess
) -> None:
    made = await create_key(business.person(), expire_time=after(hours=1))
    assert (await access.of_api_key(made.key)).expire_time == made.api_key.expire_time
    async with business.person().transaction() as tx:
        await tx.run("UPDATE crm.api_keys SET expire_time = now() WHERE id = $1", made.api_key.id)
    with pytest.raises(ApiKeyInvalid):
        await access.of_api_key(made.key)


async def test_a_key_works_in_a_workspace_of_its_tenant(
    business: Business, database: Database
) -> None:
    other = await new_business(database)
    for workspace_id in (new_id(), other.workspace_id):
        with pytest.raises(WorkspaceNotFound):
            await create_key(business.person(), workspace_id=workspace_id)


async def test_twenty_at_once_make_as_many_keys_as_the_plan_permits(business: Business) -> None:
    results = await asyncio.gather(
        *(create_key(business.person()) for _ in range(20)), return_exceptions=True
    )
    refused = [result for result in results if isinstance(result, PlanLimitReached)]
    made = [result for result in results if isinstance(result, NewApiKey)]
    assert (len(made), len(refused)) == (4, 16)  # One came with the tenant.
    assert len(await _listed(business)) == business.limits.api_keys == 5


async def test_revoking_makes_room(business: Business) -> None:
    made = [await create_key(business.person()) for _ in range(4)]
    with pytest.raises(PlanLimitReached) as refused:
        await create_key(business.person())
    assert refused.value.metadata == {"what": "api_keys", "limit": "5", "used": "5"}
    await revoke_key(business.person(), RevokeApiKeyRequest(id=made[0].api_key.id))
    await create_key(business.person())


async def test_a_revoked_key_is_refused_for_good_and_everybody_hears_it(
    business: Business, access: StoredAccess
) -> None:
    made = await create_key(business.person())
    request = RevokeApiKeyRequest(id=made.api_key.id)
    revoked = await revoke_key(business.person(), request)
    assert revoked.HasField("revoke_time")
    assert await revoke_key(business.person(), request) == revoked
    with pytest.raises(ApiKeyInvalid):
        await access.of_api_key(made.key)
    told = [list(event.credential_ids) for event in await business.told(AccessChanged)]
    assert told == [[made.api_key.id]] * 2  # Made, revoked; the second time nothing changed.
    for changed in (
        update_api_key(
            business.person(), UpdateApiKeyRequest(id=made.api_key.id, name="x"), clock=CLOCK
        ),
        rotate_api_key(business.person(), RotateApiKeyRequest(id=made.api_key.id), clock=CLOCK),
    ):
        with pytest.raises(ApiKeyRetired):
            await changed


async def test_lists_show_revoked_keys_on_request_in_either_order(business: Business) -> None:
    made = [await create_key(business.person()) for _ in range(3)]
    await revoke_key(business.person(), RevokeApiKeyRequest(id=made[1].api_key.id))
    ids = [key.id for key in await _listed(business)]
    assert ids[:2] == [made[2].api_key.id, made[0].api_key.id]
    everything = [key.id for key in await _listed(business, show_revoked=True)]
    assert made[1].api_key.id in everything
    oldest_first = await _listed(business, show_revoked=True, order_by="create_time")
    assert [key.id for key in oldest_first] == everything[::-1]
    request = ListApiKeysRequest(page_size=2, order_by="create_time", show_revoked=True)
    first = await list_api_keys(business.person(readonly=True), request)
    request.page_token = first.next_page_token
    second = await list_api_keys(business.person(readonly=True), request)
    assert [*first.api_keys, *second.api_keys] == oldest_first


async def test_an_update_sets_what_is_there_and_leaves_the_rest(
    business: Business, access: StoredAccess
) -> None:
    made = await create_key(business.person(), allowed_networks=["10.0.0.0/8"])
    request = UpdateApiKeyRequest(
        id=made.api_key.id,
        name="Renamed",
        scopes=ScopeList(scopes=[WRITE]),
        etag=made.api_key.etag,
    )
    key = await update_api_key(business.person(), request, clock=CLOCK)
    assert (key.name, list(key.scopes)) == ("Renamed", [WRITE])
    assert list(key.allowed_networks) == ["10.0.0.0/8"]
    with pytest.raises(EtagMismatch):
        await update_api_key(business.person(), request, clock=CLOCK)
    anywhere = UpdateApiKeyRequest(id=key.id, allowed_networks=NetworkList())
    assert not (await update_api_key(business.person(), anywhere, clock=CLOCK)).allowed_networks
    assert list((await access.of_api_key(made.key)).scopes) == [WRITE]


async def test_using_a_key_does_not_spoil_the_etag_somebody_has_read(
    business: Business, access: StoredAccess
) -> None:
    made = await create_key(business.person())
    await access.of_api_key(made.key)
    read = await get_api_key(business.person(readonly=True), GetApiKeyRequest(id=made.api_key.id))
    assert read.HasField("last_use_time")
    assert read.etag == made.api_key.etag
    request = UpdateApiKeyRequest(id=made.api_key.id, name="x", etag=made.api_key.etag)
    await update_api_key(business.person(), request, clock=CLOCK)


async def test_another_tenants_key_is_not_there(business: Business, database: Database) -> None:
    theirs = await create_key((await new_business(database)).person())
    for key_id in (theirs.api_key.id, new_id()):
        for attempt in (
            get_api_key(business.person(readonly=True), GetApiKeyRequest(id=key_id)),
            update_api_key(
                business.person(), UpdateApiKeyRequest(id=key_id, name="x"), clock=CLOCK
            ),
            rotate_api_key(business.person(), RotateApiKeyRequest(id=key_id), clock=CLOCK),
            revoke_key(business.person(), RevokeApiKeyRequest(id=key_id)),
        ):
            with pytest.raises(ApiKeyNotFound) as refused:
                await attempt
            error: AppError = refused.value
            assert error.metadata == {"id": key_id}


def test_owners_give_every_scope_a_key_may_have() -> None:
    assert len(KEY_SCOPES) == 15


@pytest.mark.parametrize("message", [CreateApiKeyRequest, ScopeList])
def test_the_contract_names_every_scope_a_key_may_have(message: type[Message]) -> None:
    options: Any = message.DESCRIPTOR.fields_by_name["scopes"].GetOptions()
    rules = options.Extensions[cast(Any, validate_pb2.field)].repeated.items.string
    assert tuple(getattr(rules, "in")) == KEY_SCOPES
