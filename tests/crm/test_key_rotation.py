"""One key in place of another: for a while both work, and nothing is gained by it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from malha.crm.v1.api_key_service_pb2 import (
    GetApiKeyRequest,
    NewApiKey,
    RotateApiKeyRequest,
    UpdateApiKeyRequest,
)
from malha.crm.v1.events_pb2 import AccessChanged

from services.crm.api_keys.commands import (
    rotate_api_key,
    update_api_key,
)
from services.crm.api_keys.model import (
    ApiKeyRetired,
)
from services.crm.api_keys.queries import get_api_key
from services.crm.identity.directory import StoredAccess
from services.kit.auth import ApiKeyInvalid
from services.kit.clock import Clock
from services.kit.limits import PlanLimitReached
from tests.crm.business import Business, after, create_key

CLOCK = Clock()
READ = "assistants:read"
WRITE = "assistants:write"
KEYS = "api_keys:write"


async def _rotate(business: Business, key_id: str, overlap: timedelta) -> NewApiKey:
    request = RotateApiKeyRequest(id=key_id)
    request.overlap.FromTimedelta(overlap)
    return await rotate_api_key(business.person(), request, clock=CLOCK)


async def test_while_keys_overlap_both_work(business: Business, access: StoredAccess) -> None:
    old = await create_key(business.person(), allowed_networks=["10.0.0.0/8"])
    new = await _rotate(business, old.api_key.id, timedelta(hours=1))
    assert (await access.of_api_key(new.key)).id == new.api_key.id != old.api_key.id
    left = (await access.of_api_key(old.key)).expire_time.ToDatetime(UTC) - datetime.now(UTC)
    assert timedelta(minutes=55) < left <= timedelta(hours=1)
    assert (new.api_key.scopes, new.api_key.allowed_networks, new.api_key.name) == (
        old.api_key.scopes,
        old.api_key.allowed_networks,
        old.api_key.name,
    )
    told = (await business.told(AccessChanged))[-1]
    assert set(told.credential_ids) == {old.api_key.id, new.api_key.id}


async def test_without_an_overlap_the_old_key_ends_at_once(
    business: Business, access: StoredAccess
) -> None:
    old = await create_key(business.person())
    new = await _rotate(business, old.api_key.id, timedelta(0))
    with pytest.raises(ApiKeyInvalid):
        await access.of_api_key(old.key)
    await access.of_api_key(new.key)
    request = GetApiKeyRequest(id=old.api_key.id)
    kept = await get_api_key(business.person(readonly=True), request)
    assert kept.HasField("revoke_time")


async def test_an_overlap_does_not_prolong_a_key(business: Business, access: StoredAccess) -> None:
    old = await create_key(business.person(), expire_time=after(minutes=5))
    new = await _rotate(business, old.api_key.id, timedelta(days=30))
    assert (await access.of_api_key(old.key)).expire_time == old.api_key.expire_time
    lasts = new.api_key.expire_time.ToDatetime() - new.api_key.create_time.ToDatetime()
    assert timedelta(minutes=4) < lasts < timedelta(minutes=6)


async def test_a_key_that_was_made_for_ages_can_be_rotated(business: Business) -> None:
    old = await create_key(business.person(), expire_time=Timestamp(seconds=253_402_300_799))
    new = await _rotate(business, old.api_key.id, timedelta(0))
    assert new.api_key.expire_time.ToDatetime().year > 3000


async def test_a_key_is_replaced_once_and_rotation_makes_no_room_for_more_keys(
    business: Business,
) -> None:
    keys = [await create_key(business.person()) for _ in range(4)]
    await _rotate(business, keys[0].api_key.id, timedelta(days=1))  # Also at the plan's limit.
    for again in (
        _rotate(business, keys[0].api_key.id, timedelta(days=1)),
        update_api_key(
            business.person(),
            UpdateApiKeyRequest(id=keys[0].api_key.id, expire_time=after(days=900)),
            clock=CLOCK,
        ),
    ):
        with pytest.raises(ApiKeyRetired):
            await again
    with pytest.raises(PlanLimitReached):
        await create_key(business.person())


async def test_two_rotations_at_once_make_one_key(business: Business) -> None:
    old = await create_key(business.person())
    results = await asyncio.gather(
        *(_rotate(business, old.api_key.id, timedelta(hours=1)) for _ in range(5)),
        return_exceptions=True,
    )
    assert sum(isinstance(result, NewApiKey) for result in results) == 1
    assert sum(isinstance(result, ApiKeyRetired) for result in results) == 4
