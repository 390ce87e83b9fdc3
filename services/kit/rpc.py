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
from dataclasses import dataclass
from typing import Any

import grpc
from google.protobuf.descriptor import Descriptor, MethodDescriptor, ServiceDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import status_pb2
from grpc_status import rpc_status
from malha.bus.v1 import options_pb2

from services.kit.auth import ANONYMOUS, PUBLIC, Actor, AddressNotAllowed, Authenticator
from services.kit.call import Call
from services.kit.context import Context, Function
from services.kit.db import Database
from services.kit.errors import (
    AppError,
    DeadlineExceeded,
    InvalidRequest,
    ResourceExhausted,
    internal_status,
    to_status,
)
from services.kit.etags import etag_of_header
from services.kit.idempotency import HEADER, Idempotency, Keyed
from services.kit.ids import new_id
from services.kit.log import get_logger, in_call
from services.kit.networks import place_of
from services.kit.outbox import snake_case
from services.kit.peers import Peers
from services.kit.ratelimit import WINDOW_SECONDS, RateLimiter, Window
from services.kit.telemetry import rpc_seconds
from services.kit.validate import validate
from services.kit.wiring import Wiring

log = get_logger(__name__)

_DEFAULT_SECONDS = 10.0
_MAX_SECONDS = 60.0
_REQUIRED_SCOPE: Any = options_pb2.required_scope  # The stubs know extensions only as fields.
_REQUEST = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CORRELATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{7,63}")
_KEPT_USER_AGENT = 200

Metadata = list[tuple[str, str]]


class BindError(Exception):
    """The contract and the code disagree; raised at start-up, never in a request."""


class RateLimitReached(ResourceExhausted):
    """The plan permits {limit} requests a minute; the next are served in {seconds} s."""


class TooManyFromHere(ResourceExhausted):
    """Too many calls came from this address without an identity; try again in {seconds} s."""


@dataclass(frozen=True, slots=True)
class _Method:
    """What the contract says of an RPC, and the function that serves it."""

    name: str
    path: str
    scope: str
    readonly: bool
    function: Function
    arguments: Mapping[str, object]
    input_type: Descriptor
    reply_type: type[Any]
    takes_etag: bool
    returns_etag: bool


class Pipeline:
    """Deadline, identity, limits, validation, errors, logs and metrics of every RPC."""

    def __init__(
        self,
        authenticator: Authenticator,
        database: Database | None,
        peers: Peers,
        limiter: RateLimiter | None = None,
        idempotency: Idempotency | None = None,
        public_per_minute: int = 0,
    ) -> None:
        self._authenticator = authenticator
        self._database = database
        self._peers = peers
        self._limiter = limiter
        self._idempotency = idempotency
        self._public_per_minute = public_per_minute

    async def bind(
        self, service: ServiceDescriptor, context: Context, wiring: Wiring
    ) -> grpc.GenericRpcHandler:
        """The handlers of one Protobuf service. Raises BindError."""
        handlers = {}
        for method in service.methods:
            function = _function_of(method, context)
            bound = _Method(
                f"{method.containing_service.name}.{method.name}",
                method.full_name,
                required_scope(method),
                is_query(method),
                function,
                await wiring.arguments_of(function),
                method.input_type,
                GetMessageClass(method.output_type),
                "etag" in method.input_type.fields_by_name,
                "etag" in method.output_type.fields_by_name,
            )
            handlers[method.name] = grpc.unary_unary_rpc_method_handler(
                self._serve(bound),
                request_deserializer=GetMessageClass(method.input_type).FromString,
                response_serializer=_serialize,
            )
        return grpc.method_handlers_generic_handler(service.full_name, handlers)

    def _serve(self, method: _Method) -> Function:
        succeeded = rpc_seconds.labels(method.name, "OK")

        async def serve(request: Any, context: grpc.aio.ServicerContext[Any, Any]) -> Any:
            started = time.perf_counter()
            # Those that end in -bin are bytes; none of them is read.
            headers = dict(context.invocation_metadata() or ())
            request_id = headers.get("x-request-id", "")
            if not _REQUEST.fullmatch(request_id):
                request_id = new_id()
            correlation_id = headers.get("x-correlation-id", "")
            if not _CORRELATION.fullmatch(correlation_id):
                correlation_id = request_id
            # Goes with the status: before the reply it would be a batch of its own, a tenth of the
            # service's time. Envoy moves it to the headers for REST (answers.lua).
            told: Metadata = [("x-correlation-id", correlation_id)]
            seconds = context.time_remaining()
            try:
                actor = await self._admit(method, headers, correlation_id, told)
                call = Call(
                    actor,
                    database=self._database,
                    peers=self._peers,
                    correlation_id=correlation_id,
                    cause=request_id,
                    readonly=method.readonly,
                    seconds=min(seconds or _DEFAULT_SECONDS, _MAX_SECONDS),
                    address=headers.get("x-envoy-external-address", ""),
                    user_agent=headers.get("user-agent", "")[:_KEPT_USER_AGENT],
                )
                if seconds is not None and seconds <= _MAX_SECONDS:
                    # gRPC itself cancels at the caller's deadline; a second timer is not free.
                    reply = await self._answer(method, call, request, headers, told)
                else:
                    async with asyncio.timeout(call.remaining()):
                        reply = await self._answer(method, call, request, headers, told)
            except asyncio.CancelledError:
                late = context.time_remaining() == 0
                code = "DEADLINE_EXCEEDED" if late else "CANCELLED"
                _count_refused(method, code, started, request_id, correlation_id)
                raise
            except Exception as error:
                refusal, code = _refusal(error, method, headers, request_id, correlation_id)
                _count_refused(method, code, started, request_id, correlation_id)
                if retry_after := getattr(error, "retry_after", None):
                    told.append(("retry-after", str(max(1, round(retry_after)))))
                status = rpc_status.to_status(refusal)
                return await context.abort(
                    status.code, status.details, (*told, *status.trailing_metadata)
                )
            context.set_trailing_metadata(tuple(told))
            succeeded.observe(time.perf_counter() - started)
            return reply

        return serve

    async def _admit(
        self,
        method: _Method,
        headers: Mapping[str, str],
        correlation_id: str,
        told: Metadata,
    ) -> Actor:
        """Who calls, if they may, now."""
        if method.scope == PUBLIC:
            in_call("", correlation_id)
            await self._admit_stranger(headers.get("x-envoy-external-address", ""), told)
            return ANONYMOUS
        actor = await self._authenticator.identify(headers)
        # Every call has a task, and so a logging context, of its own.
        in_call(actor.tenant_id, correlation_id)
        address = headers.get("x-envoy-external-address", "")
        if not actor.networks.admit(address):
            raise AddressNotAllowed  # Not counted: a stolen key must not use up the tenant's limit.
        if self._limiter is not None and actor.limits.requests_per_minute:
            window = await self._limiter.admit(
                actor.tenant_id, "requests", actor.limits.requests_per_minute
            )
            told += _rate_headers(window)
            if not window.granted:
                wait = max(1.0, window.reset)
                raise RateLimitReached(
                    retry_after=wait, limit=window.limit, seconds=max(1, round(wait))
                )
        actor.require(method.scope, address)
        return actor

    async def _admit_stranger(self, address: str, told: Metadata) -> None:
        """Count a call of somebody unknown against the limit of where it comes from."""
        if self._limiter is None or not self._public_per_minute or not address:
            return
        window = await self._limiter.admit(
            f"address:{place_of(address)}", "public", self._public_per_minute
        )
        told += _rate_headers(window)
        if not window.granted:
            wait = max(1.0, window.reset)
            raise TooManyFromHere(retry_after=wait, seconds=max(1, round(wait)))

    async def _answer(
        self,
        method: _Method,
        call: Call,
        request: Any,
        headers: Mapping[str, str],
        told: Metadata,
    ) -> Any:
        if expected := headers.get("if-match"):
            if method.takes_etag:
                request.etag = request.etag or etag_of_header(expected)
            elif not method.readonly:
                raise InvalidRequest([("If-Match", "cannot be kept: this compares no versions")])
        validate(request)
        key = headers.get(HEADER)
        if key is None or method.readonly or self._idempotency is None or not _may_key(call.actor):
            reply = await method.function(call, request, **method.arguments)
        else:
            reply = await self._answer_once(method, call, request, key, told)
        if method.returns_etag:
            stands = method.reply_type.FromString(reply) if isinstance(reply, bytes) else reply
            if stands.etag:
                told.append(("etag", f'"{stands.etag}"'))
        return reply

    async def _answer_once(
        self, method: _Method, call: Call, request: Any, key: str, told: Metadata
    ) -> bytes:
        assert self._idempotency is not None
        keyed = Keyed.of(
            key,
            call.actor.id,
            call.workspace_id,
            method.path,
            request.SerializeToString(deterministic=True),
        )
        reply, replayed = await self._idempotency.answer(
            call, keyed, lambda: method.function(call, request, **method.arguments)
        )
        if replayed:
            told.append(("idempotent-replayed", "true"))
        return reply


def _refusal(
    error: Exception,
    method: _Method,
    headers: Mapping[str, str],
    request_id: str,
    correlation_id: str,
) -> tuple[status_pb2.Status, str]:
    """What the caller is told of an error, and its code. Nothing of a bug."""
    if isinstance(error, TimeoutError):
        error = DeadlineExceeded()
    if isinstance(error, AppError):
        json = method.input_type if "x-envoy-original-path" in headers else None
        try:
            return to_status(error, request_id, json=json), error.code.name
        except Exception as broken:  # An error that lacks what its own text names, for instance.
            error = broken
    log.error(
        "rpc failed",
        method=method.name,
        request_id=request_id,
        correlation=correlation_id,
        exc_info=error,
    )
    return internal_status(request_id), "INTERNAL"


def _count_refused(
    method: _Method, code: str, started: float, request_id: str, correlation_id: str
) -> None:
    rpc_seconds.labels(method.name, code).observe(time.perf_counter() - started)
    if code != "RESOURCE_EXHAUSTED":  # A flood is counted; a line for each would be one.
        log.info(
            "rpc refused",
            method=method.name,
            code=code,
            request_id=request_id,
            correlation=correlation_id,
        )


def _serialize(reply: Message | bytes) -> bytes:
    # A kept answer is bytes already, and has to stay the same bytes.
    return reply if isinstance(reply, bytes) else reply.SerializeToString()


def _may_key(actor: Actor) -> bool:
    # Malha's own services have request ids of their own in their contracts.
    return actor.kind in ("api_key", "user")


def _rate_headers(window: Window) -> Metadata:
    return [
        ("ratelimit-limit", str(window.limit)),
        ("ratelimit-remaining", str(window.remaining)),
        ("ratelimit-reset", str(max(1, round(window.reset)))),
        ("ratelimit-policy", f"{window.limit};w={WINDOW_SECONDS}"),
    ]


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
