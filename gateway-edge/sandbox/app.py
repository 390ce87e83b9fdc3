"""The sandbox as one Sanic app: Meta's routes, the control routes and the phone page."""

import itertools
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import structlog
from pydantic import ValidationError
from sanic import Sanic
from sanic.config import Config
from sanic.exceptions import SanicException
from sanic.response import HTTPResponse, redirect

from sandbox.control import control
from sandbox.errors import GraphError
from sandbox.faults import FaultBoard
from sandbox.graph import graph
from sandbox.mail import Mailbox, taking_mail
from sandbox.mail_pages import mail_pages
from sandbox.media import MediaStore
from sandbox.numbers import Numbers
from sandbox.settings import SandboxSettings
from sandbox.statuses import Statuses
from sandbox.windows import Windows
from sandbox.world import App, Context, Request, World, answer

log = structlog.get_logger(__name__)

_PHONE = Path(__file__).parent / "phone"
_PHONE_FILES = {
    "phone.css": "text/css; charset=utf-8",
    "phone.js": "text/javascript; charset=utf-8",
    "bubbles.js": "text/javascript; charset=utf-8",
    "faults.js": "text/javascript; charset=utf-8",
    "panels.js": "text/javascript; charset=utf-8",
    "words.js": "text/javascript; charset=utf-8",
}
_PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src 'self' blob: data: http: https:; media-src 'self' http: https:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)
# Sanic keeps every app of a process by name, and a test process builds many.
_ordinal = itertools.count(1)


def build_app(settings: SandboxSettings) -> App:
    """Put the app together; it opens its connections and its state when the server starts."""
    config = Config(
        {
            "MOTD": False,
            "ACCESS_LOG": False,
            "KEEP_ALIVE_TIMEOUT": 75,
            # Longer than the longest answer that is delayed on purpose.
            "RESPONSE_TIMEOUT": 180,
            "REQUEST_MAX_SIZE": 101 * 1024 * 1024,
            # Rewrites Sanic's own methods at start, which works once in a process.
            "TOUCHUP": False,
        }
    )
    app: App = Sanic(
        f"sandbox-{next(_ordinal)}", config=config, ctx=Context(), configure_logging=False
    )
    app.config.FALLBACK_ERROR_FORMAT = "json"
    app.blueprint(graph.copy(f"graph-{app.name}"))
    app.blueprint(control.copy(f"control-{app.name}"))
    app.blueprint(mail_pages.copy(f"mail-{app.name}"))
    app.add_route(_phone_page, "/phone", name="phone")
    app.add_route(_phone_file, "/phone/<name:str>", name="phone_file")
    app.add_route(_home, "/", name="home")
    app.add_route(_alive, "/livez", name="livez")
    app.add_route(_alive, "/readyz", name="readyz")
    app.exception(GraphError)(_graph_error)
    app.exception(ValidationError)(_validation_error)
    app.exception(SanicException)(_refused)
    app.exception(Exception)(_broken)

    async def start(app: App) -> None:
        # Connections are limited per number by Callbacks, not here.
        connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=30)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
        numbers = Numbers(settings, session)
        windows = Windows(settings.state_file.with_name(settings.state_file.stem + ".windows"))
        numbers.load()
        windows.load()
        app.ctx.world = World(
            settings=settings,
            session=session,
            faults=FaultBoard(),
            media=MediaStore(settings.media_bytes),
            windows=windows,
            statuses=Statuses(settings),
            numbers=numbers,
            mailbox=Mailbox(),
        )

    async def stop(app: App) -> None:
        world = app.ctx.world
        world.numbers.close()
        world.windows.close()
        await world.session.close()

    app.before_server_start(start)
    app.after_server_stop(stop)
    return app


@asynccontextmanager
async def serving(settings: SandboxSettings, sock: socket.socket) -> AsyncIterator[App]:
    """Serve on a listening socket, in this event loop, for as long as the context lasts."""
    app = build_app(settings)
    # Sanic annotates none of its server's methods.
    server: Any = await app.create_server(sock=sock, access_log=False)
    await server.startup()
    await server.before_start()
    await server.after_start()
    await server.start_serving()
    try:
        async with taking_mail(app.ctx.world.mailbox, settings.mail_address):
            yield app
    finally:
        # Nobody is waited for: a phone's long poll would hold the stop for a minute.
        server.close()
        await server.before_stop()
        for connection in list(server.connections):
            connection.abort()
        await server.after_stop()


async def _home(_request: Request) -> HTTPResponse:
    return redirect("/phone")


async def _alive(_request: Request) -> HTTPResponse:
    return answer({"status": "ok"})


async def _phone_page(_request: Request) -> HTTPResponse:
    headers = {"Content-Security-Policy": _PAGE_POLICY, "Cache-Control": "no-cache"}
    page = (_PHONE / "index.html").read_bytes()
    return HTTPResponse(page, headers=headers, content_type="text/html; charset=utf-8")


async def _phone_file(_request: Request, name: str) -> HTTPResponse:
    content_type = _PHONE_FILES.get(name)
    if content_type is None:
        return answer({"error": "No such page."}, 404)
    headers = {"Cache-Control": "no-cache"}
    return HTTPResponse((_PHONE / name).read_bytes(), headers=headers, content_type=content_type)


async def _graph_error(_request: Request, error: GraphError) -> HTTPResponse:
    return answer(error.body(), error.status)


async def _validation_error(_request: Request, error: ValidationError) -> HTTPResponse:
    problems: list[dict[str, Any]] = [
        {"field": ".".join(str(part) for part in item["loc"]), "problem": item["msg"]}
        for item in error.errors(include_input=False, include_url=False, include_context=False)
    ]
    return answer({"error": "The body is not valid.", "fields": problems}, 422)


async def _refused(request: Request, error: SanicException) -> HTTPResponse:
    if request.path.startswith("/v"):
        return answer(GraphError(100, "", message="Unknown path components.").body(), 400)
    return answer({"error": str(error)}, error.status_code)


async def _broken(_request: Request, error: Exception) -> HTTPResponse:
    log.error("request failed", error=type(error).__name__, exc_info=error)
    return answer({"error": "The sandbox failed; see its log."}, 500)
