"""The edge with one more route: a handler that does nothing, as the yardstick for webhooks.

The same process, server, application and Envoy route; only what is done about the body differs.
"""

import sys
from typing import Any

from sanic import Request, Sanic
from sanic.response import HTTPResponse, text

from edge import process
from edge.__main__ import main
from edge.app import Dependencies, build_app
from edge.settings import EdgeSettings

EMPTY = "/webhooks/bench/empty"


def build_app_with_yardstick(settings: EdgeSettings, deps: Dependencies) -> Sanic[Any, Any]:
    """The edge's own application and the empty handler."""
    app = build_app(settings, deps)

    @app.post(EMPTY)
    async def empty(_request: Request) -> HTTPResponse:
        return text("")

    return app


if __name__ == "__main__":
    process.build_app = build_app_with_yardstick  # type: ignore[assignment, attr-defined]
    sys.exit(main())
