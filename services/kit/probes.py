"""Liveness, readiness and metrics of a process, over plain HTTP."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

_CHECK_SECONDS = 1.0
_REMEMBER_SECONDS = 1.0

Check = Callable[[], Awaitable[object]]


class Probes:
    """/livez says the process runs, /readyz asks the real dependencies, /metrics is Prometheus'."""

    def __init__(
        self, checks: Mapping[str, Check], *, on_scrape: Callable[[], None] = lambda: None
    ) -> None:
        self._checks = checks
        self._on_scrape = on_scrape
        self._failing: dict[str, str] = {}
        self._checked = -_REMEMBER_SECONDS
        self._draining = False
        self._runner: web.AppRunner | None = None

    async def start(self, listen: str) -> None:
        """Serve on host:port."""
        app = web.Application()
        app.router.add_get("/livez", self._livez)
        app.router.add_get("/readyz", self._readyz)
        app.router.add_get("/metrics", self._metrics)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        host, _, port = listen.rpartition(":")
        await web.TCPSite(self._runner, host, int(port)).start()

    def drain(self) -> None:
        """Ask for no more work: unready from now on, and still alive."""
        self._draining = True

    async def failing(self) -> dict[str, str]:
        """The dependencies that do not answer, with the reason; empty when ready."""
        if self._draining:
            return {"process": "draining"}
        # Probes come from several places; the dependencies are asked once a second at the most.
        if time.monotonic() - self._checked >= _REMEMBER_SECONDS:
            outcomes = await asyncio.gather(*(_try(check) for check in self._checks.values()))
            self._failing = {
                name: outcome
                for name, outcome in zip(self._checks, outcomes, strict=True)
                if outcome
            }
            self._checked = time.monotonic()
        return self._failing

    async def close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _livez(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "ok"})

    async def _readyz(self, _request: web.Request) -> web.Response:
        failing = await self.failing()
        body = {"status": "unavailable" if failing else "ok", "failing": failing}
        return web.json_response(body, status=503 if failing else 200)

    async def _metrics(self, _request: web.Request) -> web.Response:
        self._on_scrape()
        return web.Response(body=generate_latest(), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _try(check: Check) -> str:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            await check()
    except Exception as error:
        return type(error).__name__
    return ""
