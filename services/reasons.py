"""The reasons of errors, as partners read them: every AppError there is, by its class."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from pkgutil import walk_packages

import grpc

import services
from services.kit.errors import AppError

_HEAD = """\
# Reasons

Programs tell errors apart by the `reason` in their `ErrorInfo`; these are all that calls give,
from the code. Words in braces are in `ErrorInfo.metadata`. Over gRPC, 409 for a state of things is
FAILED_PRECONDITION. What concerns routes, bodies and headers is in [the policy](api-policy.md).

| reason | HTTP | meaning |
| --- | --- | --- |
"""
_HTTP = {
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.UNAUTHENTICATED: 401,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.FAILED_PRECONDITION: 409,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
}
# Of the inside: models, mail servers, the bus, the command line. No caller of the API meets them.
_INSIDE = (
    *("services.kit.ai", "services.kit.bus", "services.kit.devstack", "services.kit.peers"),
    *("services.kit.service", "services.crm.mail.commands", "services.crm.mail.sending"),
    *("services.demo", "services.operators"),
)


def reasons() -> str:
    """The page, as Markdown."""
    for module in walk_packages(services.__path__, "services."):
        if not module.name.endswith("__main__") and not module.name.startswith(_INSIDE):
            import_module(module.name)
    found = {
        (kind.reason, _HTTP[kind.code], " ".join((kind.__doc__ or "").split()))
        for kind in _kinds(AppError)
        if kind.code in _HTTP
        and kind.__module__.startswith("services.")
        and not kind.__module__.startswith(_INSIDE)
        # The bases themselves are never raised.
        and kind.__bases__ != (AppError,)
    }
    rows = (f"| `{reason}` | {status} | {text} |" for reason, status, text in sorted(found))
    return _HEAD + "\n".join(rows) + "\n"


def _kinds(base: type[AppError]) -> Iterator[type[AppError]]:
    for kind in base.__subclasses__():
        yield kind
        yield from _kinds(kind)
