"""The sandbox as a process: how it starts, stops, and what it remembers."""

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp

from tests.gateway_edge.sandbox.business import ANA, NUMBER, Meta, Receiver, until

_ROOT = Path(__file__).parents[3]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


def _environment(port: int, state: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(_ROOT / "gateway-edge"),
        "MALHA_SANDBOX_LISTEN": f"127.0.0.1:{port}",
        "MALHA_SANDBOX_STATE_FILE": str(state),
        "MALHA_SANDBOX_SENT_AFTER_MS": "5",
    }


@asynccontextmanager
async def _process(
    port: int, state: Path
) -> AsyncIterator[tuple[asyncio.subprocess.Process, aiohttp.ClientSession]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "sandbox", env=_environment(port, state)
    )
    try:
        async with aiohttp.ClientSession() as http:
            for _ in range(200):
                try:
                    async with http.get(f"http://127.0.0.1:{port}/readyz") as answer:
                        assert answer.status == 200
                        break
                except aiohttp.ClientError:
                    await asyncio.sleep(0.05)
            yield process, http
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


async def test_numbers_and_windows_survive_a_kill(tmp_path: Path, receiver: Receiver) -> None:
    port, state = _free_port(), tmp_path / "deep" / "state.json"
    async with _process(port, state) as (process, http):
        meta = Meta(f"http://127.0.0.1:{port}", http, receiver)
        await meta.register()
        await meta.write()
        process.kill()
        await process.wait()
    assert state.stat().st_mode & 0o077 == 0

    async with _process(port, state) as (_, http):
        meta = Meta(f"http://127.0.0.1:{port}", http, receiver)
        _, found = await meta.call("GET", "/sandbox/numbers")
        assert [number["phone_number_id"] for number in found["numbers"]] == [NUMBER]
        assert (await meta.chat())["window_open_until"] is not None
        assert (await meta.send(to=ANA))[0] == 200
        await until(lambda: receiver.statuses)
        assert receiver.statuses[0]["status"] == "sent"


async def test_it_stops_at_once_even_with_a_phone_waiting(
    tmp_path: Path, receiver: Receiver
) -> None:
    port = _free_port()
    async with _process(port, tmp_path / "state.json") as (process, http):
        meta = Meta(f"http://127.0.0.1:{port}", http, receiver)
        await meta.register()
        waiting = asyncio.create_task(meta.chat("?after=99999999999999&wait=50"))
        await asyncio.sleep(0.1)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert await process.wait() == 0
        assert time.monotonic() - started < 1
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_wrong_setting_and_a_taken_port_stop_the_start_with_a_sentence(
    tmp_path: Path,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        for changes, code, words in (
            ({"MALHA_SANDBOX_LISTEN": "nowhere"}, 2, "MALHA_SANDBOX_LISTEN"),
            ({}, 1, f"127.0.0.1:{port}"),
        ):
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "sandbox",
                env=_environment(port, tmp_path / "state.json") | changes,
                stderr=asyncio.subprocess.PIPE,
            )
            _, said = await process.communicate()
            assert process.returncode == code
            assert words in said.decode()
            assert "Traceback" not in said.decode()
