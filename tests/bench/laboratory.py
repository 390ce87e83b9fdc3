"""The mesh that is measured: the real one, with two yardsticks behind the same Envoy."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg

from services.kit.devstack.environment import Wiring, inherited
from services.kit.devstack.envoy import configure_with_envoyconf
from services.kit.devstack.mesh import Mesh, mesh_processes
from services.kit.devstack.paths import StatePaths
from services.kit.devstack.python_process import PythonProcess, answers
from tests.bench.cpu import cpu_seconds
from tests.bench.figure import note

_CALM = 0.25
"""Cores that an idle mesh takes at the most."""
_CALM_FOR, _CALM_WITHIN = 1.5, 60


@dataclass(frozen=True)
class Laboratory:
    """A running mesh and how to look at it from outside and from below."""

    mesh: Mesh
    session: aiohttp.ClientSession
    owner: asyncpg.Connection
    """The database as its owner, whom no row level security holds back."""
    seconds: float
    """How long each load lasts."""

    @property
    def api_url(self) -> str:
        """Envoy."""
        return self.mesh.wiring.api_url

    @property
    def edge_url(self) -> str:
        """The edge itself, without Envoy."""
        return f"http://{self.mesh.wiring.listen('edge')}"

    async def calm(self) -> None:
        """Wait until the mesh has nothing left to do from what was measured before."""
        ends = time.monotonic() + _CALM_WITHIN
        while time.monotonic() < ends:
            before = sum(cpu_seconds(self.mesh).values())
            await asyncio.sleep(_CALM_FOR)
            busy = (sum(cpu_seconds(self.mesh).values()) - before) / _CALM_FOR
            if busy < _CALM:
                return
        note(f"  the mesh is still busy after {_CALM_WITHIN} s: what follows is measured too low")

    async def sandbox(self, path: str) -> Any:
        """What the stand-in for Meta tells."""
        async with self.session.get(f"{self.mesh.wiring.sandbox_url}/sandbox/{path}") as response:
            response.raise_for_status()
            return await response.json()


@asynccontextmanager
async def laboratory(seconds: float) -> AsyncIterator[Laboratory]:
    """A mesh of its own, in a temporary directory, on free ports, as durable as in production."""
    directory = Path(tempfile.mkdtemp(prefix="malha-bench-"))
    try:
        async with Mesh(
            directory,
            processes=_with_yardsticks,
            configure_envoy=_with_echo(StatePaths.at(directory)),
        ) as mesh:
            timeout = aiohttp.ClientTimeout(total=90)
            connector = aiohttp.TCPConnector(limit=0)
            async with aiohttp.ClientSession(timeout=timeout, connector=connector) as session:
                owner = await asyncpg.connect(mesh.infra.owner_url)
                try:
                    yield Laboratory(mesh, session, owner, seconds)
                finally:
                    await owner.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _with_yardsticks(wiring: Wiring) -> list[PythonProcess]:
    socket = _echo_socket(wiring.paths)

    async def listening() -> bool:
        try:
            _, writer = await asyncio.open_unix_connection(socket)
        except OSError:
            return False
        writer.close()
        return True

    return [
        *(process for process in mesh_processes(wiring) if process.name != "edge"),
        PythonProcess(
            "edge", ("-m", "tests.bench.edge"), wiring.edge(), answers(wiring.listen("edge"))
        ),
        PythonProcess(
            "echo", ("-m", "tests.bench.echo", str(socket)), inherited(), listening, socket=socket
        ),
    ]


def _with_echo(paths: StatePaths) -> Any:
    configure = configure_with_envoyconf(paths)

    async def configure_and_echo(bootstrap: Path, mesh: Path) -> None:
        described = json.loads(mesh.read_text())
        described["extra"] = {"echo": f"unix:{_echo_socket(paths)}"}
        mesh.write_text(json.dumps(described))
        await configure(bootstrap, mesh)

    return configure_and_echo


def _echo_socket(paths: StatePaths) -> Path:
    return paths.socket("echo")
