"""How long `make up` takes: from nothing, and again."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path

from services.kit.devstack.environment import inherited
from services.kit.devstack.paths import PROJECT, StatePaths
from tests.bench.figure import Figure, Invalid, note

_LIMIT = 180


async def measure() -> AsyncIterator[Figure]:
    """The command itself, in a new state directory; the packages are installed already."""
    directory = Path(tempfile.mkdtemp(prefix="malha-boot-"))
    environment = inherited() | {
        "MALHA_STATE_DIR": str(directory),
        "MALHA_HTTP_PORT": str(free_port()),
        "MALHA_GRPC_PORT": str(free_port()),
    }
    try:
        yield Figure("boot_first", await _run("up", environment), "s", 60.0, "at most")
        down = await _run("down", environment)
        up = await _run("up", environment)
        note(f"  down {down:.1f} s, up {up:.1f} s")
        yield Figure("boot_again", down + up, "s", 10.0, "at most")
    finally:
        await _run("down", environment)
        StatePaths.at(directory).remove_runtime()
        shutil.rmtree(directory, ignore_errors=True)


async def _run(command: str, environment: dict[str, str]) -> float:
    """Seconds that a command of devstack takes."""
    began = time.monotonic()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "services.kit.devstack", command),
        env=environment,
        cwd=PROJECT,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LIMIT):
            _, errors = await process.communicate()
    finally:
        if process.returncode is None:
            process.terminate()
            await process.wait()
    if process.returncode != 0:
        raise Invalid(f"{command} failed: {errors.decode()[-2000:]}")
    return time.monotonic() - began


def free_port() -> int:
    """A loopback port that nobody has now, outside the range of outgoing connections."""
    start = 12_000 + os.getpid() % 6_000
    for port in range(start, 20_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            if port not in _given:
                _given.add(port)
                return port
    raise Invalid("no port is free")


_given: set[int] = set()
