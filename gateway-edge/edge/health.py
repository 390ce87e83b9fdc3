"""Liveness, readiness and metrics."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from sanic import Request, Sanic
from sanic.exceptions import NotFound
from sanic.response import HTTPResponse, json

Failing = Callable[[], Awaitable[Mapping[str, str]]]


def serve_health(app: Sanic[Any, Any], failing: Failing) -> None:
    """`failing` names what the edge cannot work without and does not reach, with the reason."""

    @app.get("/livez")
    async def livez(_request: Request) -> HTTPResponse:
        return json({"status": "ok"})

    @app.get("/readyz")
    async def readyz(_request: Request) -> HTTPResponse:
        found = await failing()
        body = {"status": "unavailable" if found else "ok", "failing": dict(found)}
        return json(body, status=503 if found else 200)

    @app.get("/metrics")
    async def metrics(request: Request) -> HTTPResponse:
        # Envoy adds this to whatever comes from outside; our own Prometheus asks directly.
        if "x-forwarded-for" in request.headers:
            raise NotFound
        return HTTPResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)
