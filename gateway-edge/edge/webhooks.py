"""POST and GET /webhooks/v1/{channel}/{connection_id}: what a provider calls."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from malha.ingestion.v1.webhook_service_pb2 import (
    VerifySubscriptionRequest,
    VerifySubscriptionResponse,
)
from sanic import Request, Sanic
from sanic.response import HTTPResponse, text

from edge.collector import Collector, Overloaded, answered
from edge.problems import problem
from services.kit.errors import AppError, NotFound, PermissionDenied, Unauthenticated
from services.kit.ids import new_id

Verify = Callable[[VerifySubscriptionRequest], Awaitable[VerifySubscriptionResponse]]

PATH = "/webhooks/v1/<channel:str>/<connection_id:str>"

_LONGEST = 64
_RETRY_SECONDS = 5
# Signatures and tokens of every provider are in x- headers; these x- headers are our own proxies'.
_PROXY = ("x-forwarded-", "x-envoy-", "x-request-id", "x-real-ip")
_MESSAGES = {
    "CONNECTION_NOT_FOUND": "No connection has this address.",
    "SIGNATURE_MISMATCH": "The signature does not match the body.",
    "BODY_EMPTY": "The body is empty.",
    "BODY_UNREADABLE": "The body is not JSON.",
    "VERIFY_TOKEN_MISMATCH": "The verify token is not the connection's.",
}


def serve_webhooks(app: Sanic[Any, Any], collector: Collector, verify: Verify) -> None:
    """Take webhooks in, and answer subscription handshakes."""
    overloaded = answered.labels("503")

    @app.post(PATH)
    async def receive_webhook(request: Request, channel: str, connection_id: str) -> HTTPResponse:
        request_id = new_id()
        if len(channel) > _LONGEST or len(connection_id) > _LONGEST:
            return _refusal(404, "CONNECTION_NOT_FOUND", request_id)
        try:
            waiter = collector.submit(
                request_id, channel, connection_id, request.body, headers_of(request.headers)
            )
        except Overloaded:
            overloaded.inc()
            return _refusal(503, "OVERLOADED", request_id)
        answer = await waiter
        if answer.http_status == 200:
            return text("")
        return _refusal(answer.http_status, answer.reason, request_id)

    @app.get(PATH)
    async def verify_subscription(
        request: Request, channel: str, connection_id: str
    ) -> HTTPResponse:
        request_id = new_id()
        if len(channel) > _LONGEST or len(connection_id) > _LONGEST:
            return _refusal(404, "CONNECTION_NOT_FOUND", request_id)
        query = {name: values[0] for name, values in request.args.items()}
        try:
            reply = await verify(
                VerifySubscriptionRequest(channel=channel, connection_id=connection_id, query=query)
            )
        except NotFound as error:
            return _refusal(404, error.reason, request_id)
        except (PermissionDenied, Unauthenticated) as error:
            return _refusal(403, error.reason, request_id)
        except AppError:
            return _refusal(503, "UNAVAILABLE", request_id)
        # Plain text, and never sniffed into anything else: the caller chose these characters.
        return text(reply.challenge, headers={"x-content-type-options": "nosniff"})


def headers_of(headers: Mapping[str, str]) -> dict[str, str]:
    """The headers that matter to a verdict. One that came twice holds both values, and so fails."""
    kept: dict[str, str] = {}
    for name, value in headers.items():
        if name[:2] == "x-" and not name.startswith(_PROXY):
            plain = value if value.isascii() else value.encode("ascii", "replace").decode()
            kept[name] = f"{kept[name]}, {plain}" if name in kept else plain
    return kept


def _refusal(status: int, reason: str, request_id: str) -> HTTPResponse:
    return problem(
        status,
        reason,
        request_id,
        message=_MESSAGES.get(reason),
        retry_after=_RETRY_SECONDS if status == 503 else None,
    )
