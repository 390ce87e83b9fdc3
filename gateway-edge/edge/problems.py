"""Errors as JSON: the same google.rpc.Status body that Envoy gives for the API."""

import re
from typing import Any

import orjson
from sanic import Request
from sanic.exceptions import SanicException
from sanic.handlers import ErrorHandler
from sanic.response import HTTPResponse

from services.kit.errors import DOMAIN
from services.kit.ids import new_id
from services.kit.log import get_logger

log = get_logger(__name__)

_TYPE = "type.googleapis.com/google.rpc."
# What gRPC calls each HTTP status, as Envoy's transcoder has it.
_CODES = {400: 3, 401: 16, 403: 7, 404: 5, 405: 12, 408: 4, 413: 3, 429: 8, 503: 14, 504: 4}
_INTERNAL = 13
_MESSAGES = {
    400: "The request cannot be read.",
    401: "The request is not signed as it must be.",
    403: "The request is refused.",
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
    408: "The request did not arrive in time.",
    413: "The request is larger than is read here.",
    503: "This cannot be done at the moment; try again.",
}
_GENERIC = "Something went wrong on our side."
_REASONS = {404: "ROUTE_NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "BODY_TOO_LARGE"}
_REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


def problem(
    status: int,
    reason: str,
    request_id: str,
    *,
    message: str | None = None,
    retry_after: int | None = None,
) -> HTTPResponse:
    """An error answer. `reason` is for programs, the message for people."""
    details: list[dict[str, Any]] = [
        {"@type": f"{_TYPE}ErrorInfo", "reason": reason, "domain": DOMAIN, "metadata": {}}
    ]
    headers = {}
    if retry_after is not None:
        details.append({"@type": f"{_TYPE}RetryInfo", "retryDelay": f"{retry_after}s"})
        headers["retry-after"] = str(retry_after)
    details.append({"@type": f"{_TYPE}RequestInfo", "requestId": request_id, "servingData": ""})
    body = {
        "code": _CODES.get(status, _INTERNAL),
        "message": message or _MESSAGES.get(status, _GENERIC),
        "details": details,
    }
    return HTTPResponse(
        orjson.dumps(body), status, headers=headers, content_type="application/json"
    )


def request_id_of(request: Request) -> str:
    """The id that Envoy gave the request, or a new one."""
    given = request.headers.get("x-request-id", "")
    return given if _REQUEST_ID.fullmatch(given) else new_id()


class Problems(ErrorHandler):
    """Answers what no handler answered: unknown addresses, oversized bodies, and bugs."""

    def default(self, request: Request, exception: Exception) -> HTTPResponse:
        request_id = request_id_of(request) if request else new_id()
        if isinstance(exception, SanicException) and exception.status_code < 500:
            status = exception.status_code
            answer = problem(status, _REASONS.get(status, "REQUEST_REFUSED"), request_id)
            answer.headers.extend(exception.headers)
            return answer
        if isinstance(exception, SanicException) and exception.status_code == 503:
            return problem(503, "UNAVAILABLE", request_id, retry_after=1)
        log.error("request failed", request_id=request_id, exc_info=exception)
        return problem(500, "INTERNAL", request_id)

    @staticmethod
    def log(request: Request, exception: Exception) -> None:
        """Sanic would log the path and the query, which may hold tokens: `default` logs instead."""
