"""Two replicas of a service: one limit, one effect for each idempotency key, one revocation."""

from __future__ import annotations

import asyncio
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import grpc
import pytest
from malha.assistants.v1.assistant_service_pb2 import (
    CreateAssistantRequest,
    GetAssistantRequest,
    ListAssistantsRequest,
)
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub

from services.crm.tenants.model import PLANS
from services.kit.devstack.mesh import Mesh
from tests.bench.business import operator_of
from tests.e2e.replicas import second_replica
from tests.outside import Outside, until


@pytest.fixture(scope="module")
async def replicas(
    mesh: Mesh, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sequence[AssistantServiceStub]]:
    """Stubs of both replicas of assistants, each on a channel of its own."""
    directory: Path = tmp_path_factory.mktemp("replica")
    async with second_replica(mesh, "assistants", directory) as targets:
        channels = [grpc.aio.insecure_channel(target) for target in targets]
        yield [AssistantServiceStub(channel) for channel in channels]
        for channel in channels:
            await channel.close()


async def _new_key(mesh: Mesh, plan: str) -> str:
    async with operator_of(mesh) as operator:
        key: str = (await operator.new_tenant(f"Limites {secrets.token_hex(4)}", plan)).api_key
    return key


async def test_no_request_over_the_limit_passes(
    mesh: Mesh, replicas: Sequence[AssistantServiceStub]
) -> None:
    key = await _new_key(mesh, "free")
    limit = PLANS["free"].limits.requests_per_minute
    refused: list[grpc.aio.AioRpcError] = []

    async def ask(stub: AssistantServiceStub) -> str:
        call = stub.ListAssistants(ListAssistantsRequest(), metadata=(("x-api-key", key),))
        headers = dict(await call.trailing_metadata())
        assert headers["ratelimit-limit"] == str(limit)
        assert 0 <= int(headers["ratelimit-remaining"]) <= limit
        try:
            await call
        except grpc.aio.AioRpcError as error:
            assert int(headers["retry-after"]) >= 1
            refused.append(error)
            return error.code().name
        return "OK"

    outcomes: Counter[str] = Counter()
    while outcomes.total() < 2 * limit:  # In waves, over both, well within the window's minute.
        outcomes += Counter(
            await asyncio.gather(*(ask(replicas[number % 2]) for number in range(50)))
        )
    # Each replica may keep a hundredth of the limit that it counted ahead and did not use.
    assert limit - 2 * (limit // 100) <= outcomes["OK"] <= limit
    assert outcomes["OK"] + outcomes["RESOURCE_EXHAUSTED"] == outcomes.total()


async def test_one_tenants_limit_is_not_anothers(
    mesh: Mesh, replicas: Sequence[AssistantServiceStub]
) -> None:
    key, other = await _new_key(mesh, "free"), await _new_key(mesh, "free")

    async def status(shown: str) -> str:
        try:
            await replicas[0].ListAssistants(
                ListAssistantsRequest(), metadata=(("x-api-key", shown),)
            )
        except grpc.aio.AioRpcError as error:
            return error.code().name
        return "OK"

    async def used_up() -> bool:
        found = await asyncio.gather(*(status(key) for _ in range(50)))
        return "RESOURCE_EXHAUSTED" in found

    await until(used_up)
    assert await status(other) == "OK"


async def test_fifty_parallel_calls_with_one_idempotency_key_have_one_effect(
    mesh: Mesh, replicas: Sequence[AssistantServiceStub]
) -> None:
    key = await _new_key(mesh, "scale")
    name = f"Uma {secrets.token_hex(4)}"
    metadata = (("x-api-key", key), ("idempotency-key", secrets.token_hex(16)))

    async def create(stub: AssistantServiceStub) -> Any:
        return await stub.CreateAssistant(CreateAssistantRequest(name=name), metadata=metadata)

    made = await asyncio.gather(*(create(replicas[number % 2]) for number in range(50)))
    assert len({assistant.SerializeToString() for assistant in made}) == 1
    listed = await replicas[0].ListAssistants(
        ListAssistantsRequest(name=name), metadata=(("x-api-key", key),)
    )
    assert [assistant.id for assistant in listed.assistants] == [made[0].id]


async def test_a_revoked_key_is_refused_by_every_replica_at_once(
    mesh: Mesh, world: Outside, replicas: Sequence[AssistantServiceStub]
) -> None:
    made = await world.rest(
        "POST", "/v1/api-keys", {"name": "curta", "scopes": ["assistants:read"]}
    )
    metadata = (("x-api-key", made.body["key"]),)
    wanted = GetAssistantRequest(id=world.demo["assistant_id"])
    for stub in replicas:
        await stub.GetAssistant(wanted, metadata=metadata)
    revoked = await world.rest("POST", f"/v1/api-keys/{made.body['apiKey']['id']}:revoke", {})
    assert revoked.status == 200, revoked

    async def refused() -> bool:
        codes = []
        for stub in replicas:
            try:
                await stub.GetAssistant(wanted, metadata=metadata)
            except grpc.aio.AioRpcError as error:
                codes.append(error.code().name)
        return codes == ["UNAUTHENTICATED"] * 2

    await until(refused, 5)  # Remembered for 30 s, were it not told.


async def test_the_same_write_over_rest_is_answered_byte_for_byte(world: Outside) -> None:
    sent = {"idempotency-key": secrets.token_hex(16)}
    body = {"name": "Uma só", "models": ["local"]}

    async def post(asked: Any) -> tuple[int, bytes, Any]:
        async with world.session.post(
            f"{world.demo['api_url']}/v1/assistants",
            json=asked,
            headers={"x-api-key": world.demo["api_key"], **sent},
        ) as response:
            return response.status, await response.read(), response.headers

    status, first, _ = await post(body)
    assert status == 200
    again, second, headers = await post(body)
    assert (again, second) == (200, first)
    assert headers["idempotent-replayed"] == "true"
    reused, _, _ = await post({**body, "name": "Outra"})
    assert reused == 409
