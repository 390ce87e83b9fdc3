"""The web application: what is served at which address."""

from dataclasses import dataclass
from typing import Any

from sanic import Sanic

from edge.bodies import Bodies
from edge.checks import serve_checks
from edge.collector import Collector
from edge.documents import serve_documents
from edge.health import Failing, serve_health
from edge.problems import Problems
from edge.settings import EdgeSettings
from edge.webhooks import Verify, serve_webhooks
from edge.welcome import serve_welcome
from envoyconf.contracts import load_contracts


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the application needs of the world around it."""

    collector: Collector
    verify: Verify
    failing: Failing


def build_app(settings: EdgeSettings, deps: Dependencies, name: str = "edge") -> Sanic[Any, Any]:
    """The application, not yet listening."""
    app: Sanic[Any, Any] = Sanic(name, error_handler=Problems(), configure_logging=False)
    app.config.update(
        {
            "ACCESS_LOG": False,  # Envoy writes one, without queries.
            "MOTD": False,
            "REQUEST_MAX_SIZE": settings.body_bytes,
            "REQUEST_TIMEOUT": 30,
            # Longer than a batch may take, so that ingestion's silence is answered by us.
            "RESPONSE_TIMEOUT": 3 * settings.store_seconds,
            "KEEP_ALIVE_TIMEOUT": 120,
        }
    )
    serve_checks(app, Bodies(load_contracts()))
    serve_webhooks(app, deps.collector, deps.verify)
    serve_health(app, deps.failing)
    serve_documents(app, settings.openapi_dir)
    serve_welcome(app, settings.sandbox_url)
    return app
