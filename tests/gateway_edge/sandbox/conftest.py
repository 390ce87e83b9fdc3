"""A running sandbox with one registered number and a business behind it."""

import socket
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from sandbox.app import serving
from sandbox.settings import SandboxSettings
from tests.gateway_edge.sandbox.business import Meta, Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    """The business's webhook."""
    receiver = Receiver()
    app = web.Application(client_max_size=8 * 1024 * 1024)
    app.router.add_route("*", "/hook", receiver.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    yield receiver
    await runner.cleanup()


@pytest.fixture
def settings(tmp_path: Path) -> SandboxSettings:
    """Quick statuses, and a state of its own."""
    return SandboxSettings(
        state_file=tmp_path / "state.json",
        sent_after_ms=5,
        delivered_after_ms=30,
        read_after_ms=60,
        callback_timeout_seconds=2,
        hang_seconds=0.3,
        history=50,
    )


@pytest.fixture
async def meta(settings: SandboxSettings, receiver: Receiver) -> AsyncIterator[Meta]:
    """The sandbox, with the business's number on it."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        base = f"http://127.0.0.1:{sock.getsockname()[1]}"
        async with serving(settings, sock), aiohttp.ClientSession() as http:
            meta = Meta(base, http, receiver)
            status, answer = await meta.register()
            assert status == 201, answer
            yield meta
