"""No key is worth more than whoever makes or changes it: scopes, networks, end, workspace."""

from __future__ import annotations

import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from malha.crm.v1.api_key_service_pb2 import (
    GetApiKeyRequest,
    NetworkList,
    RevokeApiKeyRequest,
    RotateApiKeyRequest,
    ScopeList,
    UpdateApiKeyRequest,
)

from services.crm.api_keys.commands import (
    rotate_api_key,
    update_api_key,
)
from services.crm.api_keys.model import (
    BoundsExceeded,
    KeyOfAnotherWorkspace,
    ScopeNotHeld,
)
from services.crm.api_keys.queries import get_api_key
from services.kit.clock import Clock
from services.kit.ids import new_id
from tests.crm.business import Business, after, create_key, revoke_key

CLOCK = Clock()
READ = "assistants:read"
WRITE = "assistants:write"
KEYS = "api_keys:write"


async def test_a_bounded_key_makes_only_keys_within_its_bounds(business: Business) -> None:
    ends = int(time.time()) + 3600
    bounded = business.key(KEYS, READ, networks=["10.0.0.0/8"], expire_time=float(ends))
    heir = (await create_key(bounded, READ)).api_key
    assert list(heir.allowed_networks) == ["10.0.0.0/8"]
    assert heir.expire_time.seconds == ends
    inner = await create_key(bounded, READ, allowed_networks=["10.1.0.0/16"])
    assert list(inner.api_key.allowed_networks) == ["10.1.0.0/16"]
    for beyond in (
        {"allowed_networks": ["10.0.0.0/7"]},
        {"allowed_networks": ["10.1.0.0/16", "192.0.2.1"]},
        {"allowed_networks": ["2001:db8::1"]},
        {"expire_time": Timestamp(seconds=ends + 1)},
    ):
        with pytest.raises(BoundsExceeded):
            await create_key(bounded, READ, **beyond)


async def test_a_bounded_key_does_not_free_itself(business: Business) -> None:
    own = await create_key(
        business.person(), KEYS, allowed_networks=["10.0.0.0/8"], expire_time=after(hours=1)
    )
    ends = own.api_key.expire_time.ToNanoseconds() / 1e9
    itself = business.key(KEYS, key_id=own.api_key.id, networks=["10.0.0.0/8"], expire_time=ends)
    for change in (
        UpdateApiKeyRequest(id=own.api_key.id, allowed_networks=NetworkList()),
        UpdateApiKeyRequest(id=own.api_key.id, expire_time=after(hours=2)),
    ):
        with pytest.raises(BoundsExceeded):
            await update_api_key(itself, change, clock=CLOCK)
    rotated = await rotate_api_key(itself, RotateApiKeyRequest(id=own.api_key.id), clock=CLOCK)
    assert rotated.api_key.expire_time.ToNanoseconds() <= own.api_key.expire_time.ToNanoseconds()
    wider = await create_key(business.person(), KEYS)
    with pytest.raises(BoundsExceeded):
        await rotate_api_key(itself, RotateApiKeyRequest(id=wider.api_key.id), clock=CLOCK)


async def test_who_may_do_less_than_a_key_does_not_rotate_it(business: Business) -> None:
    strong = await create_key(business.person(), WRITE)
    with pytest.raises(ScopeNotHeld):
        await rotate_api_key(
            business.key(KEYS, READ), RotateApiKeyRequest(id=strong.api_key.id), clock=CLOCK
        )


@pytest.mark.parametrize(
    "change",
    [
        UpdateApiKeyRequest(scopes=ScopeList(scopes=[READ, WRITE])),
        UpdateApiKeyRequest(allowed_networks=NetworkList()),
        UpdateApiKeyRequest(expire_time=Timestamp(seconds=4_000_000_000)),
    ],
    ids=["scopes", "networks", "expiry"],
)
async def test_who_may_do_less_than_a_key_does_not_change_what_it_is_good_for(
    business: Business, change: UpdateApiKeyRequest
) -> None:
    strong = await create_key(business.person(), WRITE, allowed_networks=["10.0.0.0/8"])
    change.id = strong.api_key.id
    with pytest.raises(ScopeNotHeld):
        await update_api_key(business.key(KEYS, READ), change, clock=CLOCK)
    after = await get_api_key(business.person(readonly=True), GetApiKeyRequest(id=change.id))
    assert after == strong.api_key


async def test_a_key_has_no_hand_in_another_workspaces_keys(business: Business) -> None:
    elsewhere = new_id()
    async with business.person().transaction() as tx:
        await tx.run("INSERT INTO crm.workspaces (id, name) VALUES ($1, 'Filial')", elsewhere)
    theirs = await create_key(business.person(), workspace_id=elsewhere)
    key = business.key(KEYS, READ)
    for attempt in (
        create_key(key, workspace_id=elsewhere),
        update_api_key(key, UpdateApiKeyRequest(id=theirs.api_key.id, name="x"), clock=CLOCK),
        rotate_api_key(key, RotateApiKeyRequest(id=theirs.api_key.id), clock=CLOCK),
        revoke_key(key, RevokeApiKeyRequest(id=theirs.api_key.id)),
    ):
        with pytest.raises(KeyOfAnotherWorkspace):
            await attempt
    request = GetApiKeyRequest(id=theirs.api_key.id)
    assert await get_api_key(business.person(readonly=True), request) == theirs.api_key
    await revoke_key(
        business.key(KEYS, workspace_id=elsewhere), RevokeApiKeyRequest(id=theirs.api_key.id)
    )


async def test_a_key_keeps_its_own_workspaces_keys(business: Business) -> None:
    key = business.key(KEYS, READ)
    made = await create_key(key, workspace_id=business.workspace_id)
    await update_api_key(key, UpdateApiKeyRequest(id=made.api_key.id, name="x"), clock=CLOCK)
    rotated = await rotate_api_key(key, RotateApiKeyRequest(id=made.api_key.id), clock=CLOCK)
    revoked = await revoke_key(key, RevokeApiKeyRequest(id=rotated.api_key.id))
    assert revoked.HasField("revoke_time")
