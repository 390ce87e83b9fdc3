"""RPCs: functions bound to descriptors, through one pipeline.

`ListContacts` is served by `list_contacts`. An RPC marked NO_SIDE_EFFECTS must live in the queries
module and gets read-only transactions, every other one in commands: the contract and the code can
never disagree about what writes. An RPC without a required scope does not start.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Mapping
from typing import Any

import grpc
import structlog
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message_factory import GetMessageClass
from grpc_status import rpc_status
from malha.bus.v1 import options_pb2

from services.kit.auth import ANONYMOUS, PUBLIC, Authenticator
from services.kit.call import Call
from services.kit.context import Context, Function
from services.kit.db import Database
from services.kit.errors import AppError, DeadlineExceeded, internal_status, to_status
from services.kit.ids import new_id
from services.kit.log import get_logger
from services.kit.outbox import snake_case
from services.kit.peers import Peers
from services.kit.telemetry import rpc_seconds
from services.kit.validate import validate
from services.kit.wiring import Wiring

log = get_logger(__name__)

_DEFAULT_SECONDS = 10.0
_MAX_SECONDS = 60.0
_REQUIRED_SCOPE: Any = options_pb2.required_scope  # The stubs know extensions only as fields.
_REQUEST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CORRELATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")


class BindError(Exception):
    """The contract and the code disagree; raised at start-up, never in a request."""


class Pipeline:
    """Deadline, identity, tenant, validation, errors, logs and metrics of every RPC."""

    def __init__(
        self, authenticator: Authenticator, database: Database | None, peers: Peers
    ) -> None:
        self._authenticator = authenticator
        self._database = database
        self._peers = peers

    async def bind(
        self, service: ServiceDescriptor, context: Context, wiring: Wiring
    ) -> grpc.GenericRpcHandler:
        """The handlers of one Protobuf service. Raises BindError."""
        handlers = {}
        for method in service.methods:
            request_type = GetMessageClass(method.input_type)
            function = _function_of(method, context)
            handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                self._serve(method, function, await wiring.arguments_of(function)),
                request_deserializer=request_type.FromString,
                response_serializer=GetMessageClass(method.output_type).SerializeToString,
            )
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _serve(
        self, method: MethodDescriptor, function: Function, arguments: Mapping[str, object]
    ) -> Function:
        name = f"{method.containing_service.name}.{method.name}"
        scope = required_scope(method)
        readonly = is_query(method)
        succeeded = rpc_seconds.labels(name, "OK")

        async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.perf_counter()
            headers = {k: v for k, v in context.invocation_metadata() or () if isinstance(v, str)}
            request_id = headers.get("x-request-id", "")
            if not _REQUEST.fullmatch(request_id):
                request_id = new_id()
            correlation_id = headers.get("x-correlation-id", "")
            if not _CORRELATION.fullmatch(correlation_id):
                correlation_id = request_id
            # Every call has a task, and so a logging context, of its own.
            structlog.contextvars.bind_contextvars(correlation=correlation_id)
            try:
                actor = (
                    ANONYMOUS if scope == PUBLIC else await self._authenticator.identify(headers)
                )
                structlog.contextvars.bind_contextvars(tenant=actor.tenant_id)
                actor.require(scope)
                validate(request)
                seconds = min(context.time_remaining() or _DEFAULT_SECONDS, _MAX_SECONDS)
                call = Call(
                    actor,
                    database=self._database,
                    peers=self._peers,
                    correlation_id=correlation_id,
                    cause=request_id,
                    readonly=readonly,
                    seconds=seconds,
                )
                async with asyncio.timeout(seconds):
                    reply = await function(call, request, **arguments)
            except AppError as error:
                refusal, code = to_status(error, request_id), error.code.name
            except TimeoutError:
                refusal, code = to_status(DeadlineExceeded(), request_id), "DEADLINE_EXCEEDED"
            except Exception:
                refusal, code = internal_status(request_id), "INTERNAL"
                log.exception("rpc failed", method=name, request_id=request_id)
            else:
                context.set_trailing_metadata((("x-correlation-id", correlation_id),))
                succeeded.observe(time.perf_counter() - started)
                return reply
            rpc_seconds.labels(name, code).observe(time.perf_counter() - started)
            log.info("rpc refused", method=name, code=code, request_id=request_id)
            return await context.abort_with_status(rpc_status.to_status(refusal))

        return serve


def is_query(method: MethodDescriptor) -> bool:
    """Whether the contract says that an RPC changes nothing."""
    return bool(method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS)


def required_scope(method: MethodDescriptor) -> str:
    """The scope an RPC declares. Raises BindError when it declares none."""
    scope = str(method.GetOptions().Extensions[_REQUIRED_SCOPE])
    if not scope:
        raise BindError(f"{method.full_name} declares no required_scope")
    return scope


def _function_of(method: MethodDescriptor, context: Context) -> Function:
    module = context.queries if is_query(method) else context.commands
    kind = "queries" if is_query(method) else "commands"
    if module is None:
        raise BindError(f"{method.full_name}: the context {context.name} has no {kind}")
    function = getattr(module, snake_case(method.name), None)
    if function is None:
        raise BindError(f"{method.full_name}: {module.__name__} has no {snake_case(method.name)}()")
    return function  # type: ignore[no-any-return]
