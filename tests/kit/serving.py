"""AssistantService with functions of the tests' own, behind the pipeline on a real gRPC server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any, TypeAlias

import grpc
from dishka import Provider, Scope, make_async_container
from google.rpc import error_details_pb2, status_pb2
from malha.assistants.v1 import assistant_service_pb2
from malha.assistants.v1.assistant_service_pb2_grpc import AssistantServiceStub

from services.kit.call import Call
from services.kit.context import Context
from services.kit.outbox import snake_case
from services.kit.rpc import Pipeline
from services.kit.wiring import Wiring

SERVICE = assistant_service_pb2.DESCRIPTOR.services_by_name["AssistantService"]
Stub: TypeAlias = AssistantServiceStub

_DETAILS = (
    error_details_pb2.ErrorInfo,
    error_details_pb2.BadRequest,
    error_details_pb2.RequestInfo,
    error_details_pb2.RetryInfo,
)


async def _anything(call: Call, request: Any) -> Any:
    raise AssertionError("it was reached")


def context(**functions: Any) -> Context:
    """Every RPC of the service; those that are not given must not be reached."""
    commands, queries = ModuleType("commands"), ModuleType("queries")
    names = {snake_case(method.name): _anything for method in SERVICE.methods}
    for module in (commands, queries):
        for name, function in {**names, **functions}.items():
            setattr(module, name, function)
    return Context("assistants", rpcs=(SERVICE,), commands=commands, queries=queries)


def wiring(*things: object) -> Wiring:
    """What handlers may ask for, by class."""
    provider = Provider(scope=Scope.APP)
    for thing in things:
        provider.from_context(provides=type(thing))
    return Wiring(make_async_container(provider, context={type(thing): thing for thing in things}))


@asynccontextmanager
async def serving(
    directory: Path, pipeline: Pipeline, functions: dict[str, Any], *things: object
) -> AsyncIterator[Stub]:
    """A stub of the service, over a socket in the directory."""
    server = grpc.aio.server()
    handler = await pipeline.bind(SERVICE, context(**functions), wiring(*things))
    server.add_generic_rpc_handlers([handler])
    address = f"unix:{directory}/rpc.sock"
    server.add_insecure_port(address)
    await server.start()
    try:
        async with grpc.aio.insecure_channel(address) as channel:
            yield AssistantServiceStub(channel)
    finally:
        await server.stop(0)


@dataclass
class Answer:
    """What came back: the reply or the refusal, and the headers of either."""

    reply: Any = None
    error: grpc.aio.AioRpcError | None = None
    headers: dict[str, str] = field(default_factory=dict)
    details: dict[str, Any] = field(default_factory=dict)

    @property
    def code(self) -> str:
        return "OK" if self.error is None else self.error.code().name

    @property
    def reason(self) -> str:
        return str(self.details["ErrorInfo"].reason) if self.details else ""

    @property
    def fields(self) -> list[str]:
        return [one.field for one in self.details["BadRequest"].field_violations]


async def ask(
    method: Callable[..., Any], request: Any, *, timeout: float | None = 10, **headers: str
) -> Answer:
    """Call with headers, `_` for `-`; the key "good" unless another credential is given."""
    if not {"x_api_key", "authorization"} & headers.keys():
        headers["x_api_key"] = "good"
    metadata = [(name.replace("_", "-"), value) for name, value in headers.items()]
    rpc = method(request, metadata=metadata, timeout=timeout)
    answer = Answer()
    try:
        answer.reply = await rpc
    except grpc.aio.AioRpcError as error:
        answer.error = error
        answer.details = _details(error)
    answer.headers = {name: str(value) for name, value in await rpc.trailing_metadata() or ()}
    return answer


def _details(error: grpc.aio.AioRpcError) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin":
            for packed in status_pb2.Status.FromString(value).details:
                for kind in _DETAILS:
                    message: Any = kind()
                    if packed.Unpack(message):
                        found[kind.DESCRIPTOR.name] = message
    return found
