"""The pipeline's limits and its answers given once, on real stores, as a client meets them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc
import pytest
import redis.asyncio as redis
from google.protobuf.empty_pb2 import Empty
from malha.assistants.v1.assistant_pb2 import Assistant
from malha.assistants.v1.assistant_service_pb2 import (
    CreateAssistantRequest,
    DeleteAssistantRequest,
    GetAssistantRequest,
    UpdateAssistantRequest,
)

from services.kit.auth import Authenticator, Signer
from services.kit.call import Call
from services.kit.db import Database
from services.kit.errors import AlreadyExists
from services.kit.etags import with_etag
from services.kit.idempotency import Idempotency
from services.kit.ids import new_id
from services.kit.peers import Peers
from services.kit.ratelimit import RateLimiter
from services.kit.rpc import Pipeline
from tests.conftest import TestTenant
from tests.kit.serving import Stub, ask, serving
from tests.kit.test_auth import KEYS, PUBLIC, Directory, signer, user_token
from tests.kit.test_idempotency import SEALER

_ID = "00000000-0000-7000-8000-000000000001"
_INSERT = "INSERT INTO things.things (name) VALUES ($1) RETURNING id"
_COUNT = "SELECT count(*) FROM things.things"


class NameTaken(AlreadyExists):
    """There is one of this name."""


async def create_assistant(call: Call, request: Any) -> Assistant:
    async with call.transaction() as tx:
        id = await tx.value(_INSERT, request.name)
        if request.name == "taken":
            raise NameTaken
        return with_etag(Assistant(id=id, name=request.name))


async def update_assistant(call: Call, request: Any) -> Assistant:
    return await create_assistant(call, request)


async def delete_assistant(call: Call, request: Any) -> Empty:
    async with call.transaction() as tx:
        await tx.run(_INSERT, request.id)
    return Empty()


async def get_assistant(call: Call, request: Any) -> Assistant:
    return with_etag(Assistant(id=request.id, instructions=new_id()))


FUNCTIONS = {
    "create_assistant": create_assistant,
    "update_assistant": update_assistant,
    "delete_assistant": delete_assistant,
    "get_assistant": get_assistant,
}
LIA = CreateAssistantRequest(name="Lia")


class Replicas:
    """Processes of one service, on the same stores."""

    def __init__(self, directory: Directory, stubs: list[Stub], database: Database) -> None:
        self.directory = directory
        self.stubs = stubs
        self.stub = stubs[0]
        self._database = database

    async def effects(self) -> int:
        rows = await self._database.read(self.directory.access.tenant_id, _COUNT)
        return int(rows[0]["count"])


@pytest.fixture
def directory(tenant: TestTenant) -> Directory:
    directory = Directory()
    directory.access.tenant_id = tenant.id
    directory.access.scopes.append("assistants:write")
    directory.access.limits.requests_per_minute = 0
    return directory


@pytest.fixture
async def replicas(
    tmp_path: Path,
    directory: Directory,
    things: Database,
    things_elsewhere: Database,
    valkey: redis.Redis,
) -> AsyncIterator[Replicas]:
    stubs = []
    async with AsyncExitStack() as stack:
        for name, database in (("a", things), ("b", things_elsewhere)):
            pipeline = Pipeline(
                Authenticator(PUBLIC, directory),
                database,
                Peers({}, Signer("crm", KEYS["crm"][0])),
                RateLimiter(valkey),
                Idempotency(database, SEALER),
            )
            (tmp_path / name).mkdir()
            stubs.append(
                await stack.enter_async_context(serving(tmp_path / name, pipeline, FUNCTIONS))
            )
        yield Replicas(directory, stubs, things)


# Sent again.


async def test_a_write_that_is_sent_again_is_answered_byte_for_byte(replicas: Replicas) -> None:
    first = await ask(replicas.stub.CreateAssistant, LIA, idempotency_key="k")
    assert "idempotent-replayed" not in first.headers
    for stub in replicas.stubs:
        again = await ask(stub.CreateAssistant, LIA, idempotency_key="k")
        assert again.reply.SerializeToString() == first.reply.SerializeToString()
        assert again.headers["idempotent-replayed"] == "true"
        assert again.headers["etag"] == first.headers["etag"] == f'"{first.reply.etag}"'
    assert await replicas.effects() == 1


async def test_fifty_at_once_over_two_replicas_have_one_effect(replicas: Replicas) -> None:
    answers = await asyncio.gather(
        *(
            ask(replicas.stubs[n % 2].CreateAssistant, LIA, timeout=30, idempotency_key="k")
            for n in range(50)
        )
    )
    assert {answer.code for answer in answers} == {"OK"}
    assert len({answer.reply.id for answer in answers}) == 1
    assert await replicas.effects() == 1


async def test_a_key_for_another_request_is_refused(replicas: Replicas) -> None:
    await ask(replicas.stub.CreateAssistant, LIA, idempotency_key="k")
    others: list[tuple[Any, Any]] = [
        (replicas.stub.CreateAssistant, CreateAssistantRequest(name="Bia")),
        (replicas.stub.DeleteAssistant, DeleteAssistantRequest(id=_ID)),
    ]
    for method, request in others:
        answer = await ask(method, request, idempotency_key="k")
        assert (answer.code, answer.reason) == ("ALREADY_EXISTS", "IDEMPOTENCY_KEY_REUSED")
        assert "idempotent-replayed" not in answer.headers
    assert await replicas.effects() == 1


async def test_the_version_in_the_header_is_part_of_the_request(replicas: Replicas) -> None:
    request = UpdateAssistantRequest(id=_ID, name="Lia")
    update = replicas.stub.UpdateAssistant
    assert (await ask(update, request, idempotency_key="k", if_match='"a"')).code == "OK"
    again = await ask(update, request, idempotency_key="k", if_match='"a"')
    assert again.headers["idempotent-replayed"] == "true"
    other = await ask(update, request, idempotency_key="k", if_match='"b"')
    assert other.reason == "IDEMPOTENCY_KEY_REUSED"


async def test_an_empty_reply_is_answered_again_too(replicas: Replicas) -> None:
    request = DeleteAssistantRequest(id=_ID)
    for replayed in (None, "true"):
        answer = await ask(replicas.stub.DeleteAssistant, request, idempotency_key="k")
        assert answer.reply == Empty()
        assert answer.headers.get("idempotent-replayed") == replayed
    assert await replicas.effects() == 1


async def test_an_error_is_not_kept(replicas: Replicas) -> None:
    taken = CreateAssistantRequest(name="taken")
    for _ in range(2):
        answer = await ask(replicas.stub.CreateAssistant, taken, idempotency_key="k")
        assert answer.reason == "NAME_TAKEN"
        assert "idempotent-replayed" not in answer.headers
    assert (await ask(replicas.stub.CreateAssistant, LIA, idempotency_key="k")).code == "OK"
    assert await replicas.effects() == 1


async def test_a_key_and_a_person_have_keys_of_their_own(
    replicas: Replicas, tenant: TestTenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ask(replicas.stub.CreateAssistant, LIA, idempotency_key="k")

    async def person(_self: Directory, _session: str, _tenant: str) -> Any:
        access = type(replicas.directory.access)()
        access.CopyFrom(replicas.directory.access)
        access.id = "u1"
        return access

    monkeypatch.setattr(Directory, "of_session", person)
    token = user_token(tid=tenant.id)
    for replayed in (None, "true"):
        answer = await ask(
            replicas.stub.CreateAssistant,
            LIA,
            idempotency_key="k",
            authorization=f"Bearer {token}",
        )
        assert answer.headers.get("idempotent-replayed") == replayed
    assert await replicas.effects() == 2


async def test_a_question_is_asked_each_time_whatever_its_key(replicas: Replicas) -> None:
    request = GetAssistantRequest(id=_ID)
    answers = [
        await ask(replicas.stub.GetAssistant, request, idempotency_key=key)
        for key in ("k", "k", "not a key")
    ]
    assert len({answer.reply.instructions for answer in answers}) == 3
    assert not any("idempotent-replayed" in answer.headers for answer in answers)


async def test_a_service_has_request_ids_of_its_own(replicas: Replicas, tenant: TestTenant) -> None:
    token = signer("processing").service_token(tenant.id, tenant.workspace_id)
    for _ in range(2):
        answer = await ask(
            replicas.stub.CreateAssistant,
            LIA,
            idempotency_key="k",
            authorization=f"Bearer {token}",
        )
        assert answer.code == "OK"
    assert await replicas.effects() == 2


@pytest.mark.parametrize("key", ["", "a b", "x" * 256])
async def test_what_is_no_key_is_refused_by_its_name(replicas: Replicas, key: str) -> None:
    for path in ("", "/v1/assistants"):
        answer = await ask(
            replicas.stub.CreateAssistant, LIA, idempotency_key=key, x_envoy_original_path=path
        )
        assert (answer.code, answer.fields) == ("INVALID_ARGUMENT", ["Idempotency-Key"])
    assert await replicas.effects() == 0


async def test_without_a_key_every_request_counts(replicas: Replicas) -> None:
    for _ in range(2):
        assert (await ask(replicas.stub.CreateAssistant, LIA)).code == "OK"
    assert await replicas.effects() == 2


async def test_a_request_that_is_not_valid_uses_up_no_key(replicas: Replicas) -> None:
    wrong = CreateAssistantRequest(name="")
    answer = await ask(replicas.stub.CreateAssistant, wrong, idempotency_key="k")
    assert answer.fields == ["name"]
    assert (await ask(replicas.stub.CreateAssistant, LIA, idempotency_key="k")).code == "OK"


# Limits.


async def test_two_replicas_admit_no_more_than_the_limit(replicas: Replicas) -> None:
    replicas.directory.access.limits.requests_per_minute = 30
    answers = await asyncio.gather(
        *(
            ask(replicas.stubs[n % 2].GetAssistant, GetAssistantRequest(id=_ID), timeout=30)
            for n in range(80)
        )
    )
    codes = [answer.code for answer in answers]
    assert (codes.count("OK"), codes.count("RESOURCE_EXHAUSTED")) == (30, 50)


async def test_every_answer_says_what_is_left(replicas: Replicas) -> None:
    replicas.directory.access.limits.requests_per_minute = 3
    get, create = replicas.stub.GetAssistant, replicas.stub.CreateAssistant
    answers = [
        await ask(get, GetAssistantRequest(id=_ID)),
        await ask(get, GetAssistantRequest(id="nonsense")),
        await ask(create, CreateAssistantRequest(name="taken")),
        await ask(get, GetAssistantRequest(id=_ID)),
    ]
    assert [answer.code for answer in answers] == [
        "OK",
        "INVALID_ARGUMENT",
        "ALREADY_EXISTS",
        "RESOURCE_EXHAUSTED",
    ]
    assert [answer.headers["ratelimit-remaining"] for answer in answers] == ["2", "1", "0", "0"]
    for answer in answers:
        assert answer.headers["ratelimit-limit"] == "3"
        assert answer.headers["ratelimit-policy"] == "3;w=60"
        assert 1 <= int(answer.headers["ratelimit-reset"]) <= 60
    refused = answers[-1]
    assert refused.reason == "RATE_LIMIT_REACHED"
    assert 1 <= int(refused.headers["retry-after"]) <= 60
    assert refused.details["RetryInfo"].retry_delay.ToSeconds() >= 0
    assert refused.headers["x-correlation-id"]


async def test_a_tenants_flood_is_its_own(replicas: Replicas, directory: Directory) -> None:
    directory.access.limits.requests_per_minute = 2
    request = GetAssistantRequest(id=_ID)
    for _ in range(3):
        last = await ask(replicas.stub.GetAssistant, request)
    assert last.code == "RESOURCE_EXHAUSTED"
    directory.access.tenant_id = new_id()
    other = replicas.stubs[1]
    assert (await ask(other.GetAssistant, request)).code == "OK"


async def test_a_plan_without_a_limit_and_malhas_own_services_have_none(
    replicas: Replicas, tenant: TestTenant
) -> None:
    token = signer("processing").service_token(tenant.id, tenant.workspace_id)
    request = GetAssistantRequest(id=_ID)
    get = replicas.stub.GetAssistant
    for answer in (
        await ask(get, request),
        await ask(get, request, authorization=f"Bearer {token}"),
    ):
        assert answer.code == "OK"
        assert not any(name.startswith("ratelimit") for name in answer.headers)


async def test_a_stolen_key_uses_up_nothing_from_elsewhere(
    replicas: Replicas, directory: Directory
) -> None:
    directory.access.limits.requests_per_minute = 2
    directory.access.allowed_networks.append("203.0.113.0/24")
    request = GetAssistantRequest(id=_ID)
    for _ in range(5):
        thief = await ask(
            replicas.stub.GetAssistant, request, x_envoy_external_address="198.51.100.1"
        )
        assert thief.reason == "ADDRESS_NOT_ALLOWED"
    own = await ask(replicas.stub.GetAssistant, request, x_envoy_external_address="203.0.113.1")
    assert own.headers["ratelimit-remaining"] == "1"


async def test_who_is_not_known_uses_up_nothing(replicas: Replicas) -> None:
    replicas.directory.access.limits.requests_per_minute = 1
    request = GetAssistantRequest(id=_ID)
    for _ in range(3):
        refused = await ask(replicas.stub.GetAssistant, request, x_api_key="bad")
        assert refused.code == grpc.StatusCode.UNAUTHENTICATED.name
        assert not any(name.startswith("ratelimit") for name in refused.headers)
    assert (await ask(replicas.stub.GetAssistant, request)).code == "OK"
