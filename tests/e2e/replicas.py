"""A second replica of a service, beside the mesh's own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from services.kit.devstack.environment import python_command
from services.kit.devstack.mesh import Mesh
from services.kit.devstack.paths import PROJECT
from services.kit.devstack.ports import choose_ports
from services.kit.devstack.probe import http_status
from tests.outside import until


@asynccontextmanager
async def second_replica(mesh: Mesh, service: str, directory: Path) -> AsyncIterator[list[str]]:
    """The gRPC targets of both replicas, each of them ready."""
    socket = mesh.wiring.paths.socket(f"{service}2")
    port = choose_ports(("probe",), directory / "ports.json")["probe"]
    environment = mesh.wiring.service(service) | {
        "MALHA_RPC_LISTEN": f"unix:{socket}",
        "MALHA_PROBE_LISTEN": f"127.0.0.1:{port}",
        "MALHA_ROLES": "rpc",
    }
    process = await asyncio.create_subprocess_exec(
        *python_command("-m", f"services.{service}"),
        env=environment,
        cwd=PROJECT,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:

        async def ready() -> bool:
            assert process.returncode is None, "the second replica has ended"
            return await http_status(("127.0.0.1", port), "/readyz") == 200

        await until(ready, 60)
        yield [mesh.wiring.peers[service], f"unix:{socket}"]
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()
