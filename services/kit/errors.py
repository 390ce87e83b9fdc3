"""One class per error: its name is the reason, its docstring the message, its base class the rest.

The base class decides the gRPC code, and whether the bus tries again. Everything that is not an
AppError is a bug: callers see INTERNAL and a generic text, the log has the stack trace.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, ClassVar

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.descriptor import Descriptor
from google.rpc import error_details_pb2, status_pb2

DOMAIN = "malha"


def _screaming_snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).upper()


class AppError(Exception):
    """Something went wrong."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.UNKNOWN
    retryable: ClassVar[bool] = False
    reason: str
    _template: ClassVar[str]

    def __init_subclass__(cls) -> None:
        cls.reason = _screaming_snake(cls.__name__)
        cls._template = " ".join((cls.__doc__ or "").split())

    def __init__(self, *, retry_after: float | None = None, **metadata: object) -> None:
        self.metadata = {name: str(value) for name, value in metadata.items()}
        self.retry_after = retry_after
        self._said = ""
        super().__init__()

    @property
    def message(self) -> str:
        """The docstring with its {metadata}. Not made before somebody asks: few are raised."""
        return self._said or self._template.format(**self.metadata)

    def __str__(self) -> str:
        return self.message

    def violations(self) -> Iterable[tuple[str, str]]:
        """Fields at fault and what was expected of them."""
        return ()


class InvalidArgument(AppError):
    """The request is not valid."""

    code = grpc.StatusCode.INVALID_ARGUMENT


class FailedPrecondition(AppError):
    """The state of things does not allow it."""

    code = grpc.StatusCode.FAILED_PRECONDITION


class NotFound(AppError):
    """There is no such thing."""

    code = grpc.StatusCode.NOT_FOUND


class AlreadyExists(AppError):
    """There is one already."""

    code = grpc.StatusCode.ALREADY_EXISTS


class Aborted(AppError):
    """Somebody else was faster."""

    code = grpc.StatusCode.ABORTED


class PermissionDenied(AppError):
    """The caller may not do this."""

    code = grpc.StatusCode.PERMISSION_DENIED


class Unauthenticated(AppError):
    """The caller is not known."""

    code = grpc.StatusCode.UNAUTHENTICATED


class ResourceExhausted(AppError):
    """The caller has used up what it may."""

    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    retryable = True


class Unavailable(AppError):
    """Something this depends on is not available; trying again may help."""

    code = grpc.StatusCode.UNAVAILABLE
    retryable = True


class InvalidRequest(InvalidArgument):
    """The request has invalid fields: {fields}."""

    def __init__(self, violations: Iterable[tuple[str, str]]) -> None:
        self._violations = tuple(violations)
        super().__init__(fields=", ".join(dict.fromkeys(field for field, _ in self._violations)))

    def violations(self) -> Iterable[tuple[str, str]]:
        return self._violations


class DeadlineExceeded(AppError):
    """There was not enough time."""

    code = grpc.StatusCode.DEADLINE_EXCEEDED
    retryable = True


_BY_CODE: dict[grpc.StatusCode, type[AppError]] = {
    kind.code: kind
    for kind in (
        InvalidArgument,
        FailedPrecondition,
        NotFound,
        AlreadyExists,
        Aborted,
        PermissionDenied,
        Unauthenticated,
        ResourceExhausted,
        DeadlineExceeded,
        Unavailable,
    )
}


def to_status(
    error: AppError, request_id: str, *, json: Descriptor | None = None
) -> status_pb2.Status:
    """The error as every caller sees it: google.rpc.Status with ErrorInfo and RequestInfo.

    With `json`, the request's type, it is for REST: fields at fault are named as in JSON,
    and what the state of things does not allow is ABORTED, which HTTP calls a conflict (409);
    FAILED_PRECONDITION would be the caller's bad request (400).
    """
    details: list[Any] = [
        error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN, metadata=error.metadata)
    ]
    message = error.message
    if fields := list(error.violations()):
        if json is not None:
            names = {field: json_path(field, json) for field, _ in fields}
            fields = [(names[field], text) for field, text in fields]
            for field in sorted(names, key=len, reverse=True):
                message = message.replace(field, names[field])
            if "fields" in error.metadata:
                details[0].metadata["fields"] = ", ".join(dict.fromkeys(f for f, _ in fields))
        details.append(
            error_details_pb2.BadRequest(
                field_violations=[
                    error_details_pb2.BadRequest.FieldViolation(field=field, description=text)
                    for field, text in fields
                ]
            )
        )
    if error.retry_after is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(int(error.retry_after * 1000))
        details.append(retry)
    precondition = json is not None and error.code is grpc.StatusCode.FAILED_PRECONDITION
    code = grpc.StatusCode.ABORTED if precondition else error.code
    return status(code, message, request_id, *details)


def json_path(path: str, message: Descriptor | None) -> str:
    """A field's path as JSON names it. Keys of a Struct, and what is no field, stay as they are."""
    parts = []
    for part in path.split("."):
        name, bracket, rest = part.partition("[")
        field = message.fields_by_name.get(name) if message is not None else None
        parts.append((field.json_name if field is not None else name) + bracket + rest)
        message = field.message_type if field is not None else None
    return ".".join(parts)


def internal_status(request_id: str) -> status_pb2.Status:
    """What a caller sees of a bug: that there is one, and the id to quote."""
    return status(
        grpc.StatusCode.INTERNAL,
        "Something went wrong on our side.",
        request_id,
        error_details_pb2.ErrorInfo(reason="INTERNAL", domain=DOMAIN),
    )


def status(
    code: grpc.StatusCode, message: str, request_id: str, *details: Any
) -> status_pb2.Status:
    """A google.rpc.Status that ends with the request's id."""
    packed = []
    for detail in (*details, error_details_pb2.RequestInfo(request_id=request_id)):
        item = AnyMessage()
        item.Pack(detail)
        packed.append(item)
    return status_pb2.Status(code=code.value[0], message=message, details=packed)


def from_rpc_error(error: grpc.aio.AioRpcError) -> AppError:
    """A peer's refusal as an error of ours, with the peer's own reason kept."""
    made = _BY_CODE.get(error.code(), Unavailable)()
    made._said = error.details() or ""
    made.reason = f"PEER_{error.code().name}"
    for name, value in error.trailing_metadata() or ():
        if name == "grpc-status-details-bin" and isinstance(value, bytes):
            _adopt_details(made, status_pb2.Status.FromString(value))
    return made


def _adopt_details(error: AppError, remote: status_pb2.Status) -> None:
    info = error_details_pb2.ErrorInfo()
    for detail in remote.details:
        if detail.Unpack(info):
            error.reason = info.reason
            error.metadata = dict(info.metadata)
