"""/_check: Envoy asks here whether a body is one that the API takes, before it transcodes it."""

from typing import Any

import orjson
from google.protobuf.json_format import MessageToDict
from google.rpc import error_details_pb2  # noqa: F401 to_status packs them, printing needs them
from prometheus_client import Counter
from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, text

from edge.bodies import Bodies
from edge.problems import request_id_of
from services.kit.errors import InvalidRequest, to_status

PREFIX = "/_check"
ONLY_ENVOY = "x-malha-check"
"""Envoy strips it from requests of others, whatever they ask for."""

checked = Counter("malha_edge_bodies_total", "Bodies judged for Envoy.", ["verdict"])


def serve_checks(app: Sanic[Any, Any], bodies: Bodies) -> None:
    """Judge bodies: 200, or 400 with the answer that Envoy shall give."""
    taken, refused = checked.labels("taken"), checked.labels("refused")

    @app.route(f"{PREFIX}/<_:path>", methods=["PATCH", "POST", "PUT"])
    async def check(request: Request, _: str) -> HTTPResponse:
        if ONLY_ENVOY not in request.headers:
            raise NotFound
        path = request.path.removeprefix(PREFIX)
        if found := bodies.violations(request.method, path, request.body):
            refused.inc()
            return refusal(InvalidRequest(found), request_id_of(request))
        taken.inc()
        return text("")


def refusal(error: InvalidRequest, request_id: str) -> HTTPResponse:
    """The answer that a service would give, printed as Envoy prints it."""
    status = to_status(error, request_id)
    body = MessageToDict(status, always_print_fields_with_no_presence=True)
    return HTTPResponse(orjson.dumps(body), 400, content_type="application/json")
