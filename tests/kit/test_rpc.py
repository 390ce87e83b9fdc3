"""The RPC pipeline over a real gRPC server: identity, rules, errors, and nothing leaks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from types import ModuleType
from typing import Any

import grpc
import pytest
from dishka import Provider, Scope, make_async_container
from google.rpc import error_details_pb2, status_pb2
from malha.assistants.v1 import assistant_service_pb2, assistant_service_pb2_grpc
from malha.assistants.v1.assistant_pb2 import Assistant

from services.kit.auth import Actor, ApiKeyInvalid, Authenticator, KeyDirectory, Signer
from services.kit.call import Call
from services.kit.context import Context
from services.kit.errors import NotFound, from_rpc_error
from services.kit.peers import Peers
from services.kit.rpc import BindError, Pipeline
from services.kit.wiring import MissingDependency, Wiring
from tests.kit.test_auth import KEYS, PUBLIC

SERVICE = assistant_service_pb2.DESCRIPTOR.services_by_name["AssistantService"]


class ThingNotFound(NotFound):
    """No thing has the id {id}."""


class Keys(KeyDirectory):
    async def owner_of(self, api_key: str) -> Actor:
        if api_key != "good":
            raise ApiKeyInvalid
        return Actor("api_key", "k1", "t1", "w1", frozenset({"assistants:read"}))


class Behaviour:
    """What GetAssistant does, per id's last digit."""

    seen: Call


async def get_assistant(call: Call, request: Any, *, behaviour: Behaviour) -> Assistant:
    behaviour.seen = call
    match request.id[-1]:
        case "1":
            raise ThingNotFound(id=request.id)
        case "2":
            raise RuntimeError("secret stack with password hunter2")
        case "3":
            await asyncio.sleep(60)
    return Assistant(id=request.id)


async def _anything(call: Call, request: Any) -> Any:
    raise AssertionError


def _context(**queries: Any) -> Context:
    modules = {"commands": ModuleType("commands"), "queries": ModuleType("queries")}
    for method in SERVICE.methods:
        for module in modules.values():
            name = "".join("_" + c.lower() if c.isupper() else c for c in method.name)[1:]
            setattr(module, name, _anything)
    for name, function in {"get_assistant": get_assistant, **queries}.items():
        setattr(modules["queries"], name, function)
    return Context("assistants", rpcs=(SERVICE,), **modules)


def _wiring(behaviour: Behaviour) -> Wiring:
    provider = Provider(scope=Scope.APP)
    provider.provide(lambda: behaviour, provides=Behaviour)
    return Wiring(make_async_container(provider))


@pytest.fixture
def behaviour() -> Behaviour:
    return Behaviour()


@pytest.fixture
def pipeline() -> Pipeline:
    return Pipeline(Authenticator(PUBLIC, Keys()), None, Peers({}, Signer("crm", KEYS["crm"][0])))


@pytest.fixture
async def stub(
    tmp_path: Path, behaviour: Behaviour, pipeline: Pipeline
) -> AsyncIterator[assistant_service_pb2_grpc.AssistantServiceStub]:
    server = grpc.aio.server()
    handler = await pipeline.bind(SERVICE, _context(), _wiring(behaviour))
    server.add_generic_rpc_handlers([handler])
    address = f"unix:{tmp_path}/rpc.sock"
    server.add_insecure_port(address)
    await server.start()
    async with grpc.aio.insecure_channel(address) as channel:
        yield assistant_service_pb2_grpc.AssistantServiceStub(channel)
    await server.stop(0)


def _id(last: int) -> str:
    return f"00000000-0000-7000-8000-00000000000{last}"


async def _refusal(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
    id: str,
    *,
    key: str = "good",
    timeout: float = 5,
    **more: str,
) -> tuple[grpc.aio.AioRpcError, dict[str, Any]]:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.GetAssistant(
            assistant_service_pb2.GetAssistantRequest(id=id),
            metadata=[("x-api-key", key), *((k.replace("_", "-"), v) for k, v in more.items())],
            timeout=timeout,
        )
    details: dict[str, Any] = {}
    for name, value in refused.value.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                for kind in (
                    error_details_pb2.ErrorInfo,
                    error_details_pb2.BadRequest,
                    error_details_pb2.RequestInfo,
                ):
                    message = kind()
                    if packed.Unpack(message):
                        details[kind.DESCRIPTOR.name] = message
    return refused.value, details


async def test_a_call_carries_who_and_which(
    stub: assistant_service_pb2_grpc.AssistantServiceStub, behaviour: Behaviour
) -> None:
    reply = await stub.GetAssistant(
        assistant_service_pb2.GetAssistantRequest(id=_id(0)),
        metadata=[("x-api-key", "good"), ("x-correlation-id", "my-own-correlation")],
    )
    assert reply.id == _id(0)
    assert (behaviour.seen.tenant_id, behaviour.seen.workspace_id) == ("t1", "w1")
    assert behaviour.seen.correlation_id == "my-own-correlation"
    assert behaviour.seen.readonly


async def test_a_hostile_correlation_id_is_replaced(
    stub: assistant_service_pb2_grpc.AssistantServiceStub, behaviour: Behaviour
) -> None:
    await stub.GetAssistant(
        assistant_service_pb2.GetAssistantRequest(id=_id(0)),
        metadata=[("x-api-key", "good"), ("x-correlation-id", "x" * 500)],
    )
    assert len(behaviour.seen.correlation_id) == 36


@pytest.mark.parametrize("hostile", ["x" * 500, "a b", "<script>", "'; DROP TABLE x"])
async def test_a_hostile_request_id_goes_nowhere(
    stub: assistant_service_pb2_grpc.AssistantServiceStub, behaviour: Behaviour, hostile: str
) -> None:
    _, details = await _refusal(stub, _id(1), x_request_id=hostile)
    assert (
        details["RequestInfo"].request_id == behaviour.seen.cause == behaviour.seen.correlation_id
    )
    assert len(behaviour.seen.cause) == 36


async def test_a_bugs_log_line_says_whose_call_it_was(
    stub: assistant_service_pb2_grpc.AssistantServiceStub, capsys: pytest.CaptureFixture[str]
) -> None:
    await _refusal(stub, _id(2), x_correlation_id="my-own-correlation")
    said = capsys.readouterr().out
    line = next(line for line in said.splitlines() if "rpc failed" in line)
    assert "my-own-correlation" in line and "t1" in line


async def test_an_error_says_its_reason_and_the_request(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
) -> None:
    error, details = await _refusal(stub, _id(1), x_request_id="r-1")
    assert error.code() is grpc.StatusCode.NOT_FOUND
    assert error.details() == f"No thing has the id {_id(1)}."
    assert details["ErrorInfo"].reason == "THING_NOT_FOUND"
    assert details["ErrorInfo"].metadata == {"id": _id(1)}
    assert details["RequestInfo"].request_id == "r-1"
    assert from_rpc_error(error).reason == "THING_NOT_FOUND"


async def test_a_bug_leaks_nothing(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
) -> None:
    error, details = await _refusal(stub, _id(2))
    assert error.code() is grpc.StatusCode.INTERNAL
    assert "hunter2" not in str(error) and "RuntimeError" not in str(error)
    assert details["RequestInfo"].request_id


async def test_a_broken_rule_names_its_field(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
) -> None:
    error, details = await _refusal(stub, "nonsense")
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [v.field for v in details["BadRequest"].field_violations] == ["id"]


async def test_who_is_not_known_learns_nothing_of_the_rules(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
) -> None:
    error, details = await _refusal(stub, "nonsense", key="bad")
    assert error.code() is grpc.StatusCode.UNAUTHENTICATED
    assert "BadRequest" not in details


async def test_a_scope_that_is_missing_is_named(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await stub.CreateAssistant(
            assistant_service_pb2.CreateAssistantRequest(name="Lia"),
            metadata=[("x-api-key", "good")],
        )
    assert refused.value.code() is grpc.StatusCode.PERMISSION_DENIED
    assert "assistants:write" in (refused.value.details() or "")


async def test_a_deadline_ends_a_call(
    stub: assistant_service_pb2_grpc.AssistantServiceStub,
) -> None:
    error, _ = await _refusal(stub, _id(3), timeout=0.2)
    assert error.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_an_rpc_without_a_function_does_not_start(
    pipeline: Pipeline, behaviour: Behaviour
) -> None:
    context = _context()
    assert context.queries is not None
    del context.queries.list_assistants
    with pytest.raises(BindError, match="list_assistants"):
        await pipeline.bind(SERVICE, context, _wiring(behaviour))


async def test_a_missing_dependency_stops_the_start_with_its_name(
    pipeline: Pipeline, behaviour: Behaviour
) -> None:
    async def list_assistants(call: Call, request: Any, *, moon: Signer) -> Any: ...

    with pytest.raises(MissingDependency, match="moon"):
        await pipeline.bind(SERVICE, _context(list_assistants=list_assistants), _wiring(behaviour))
