"""The whole mesh on one machine: stores, services, edge, sandbox and Envoy."""

import asyncio
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from services.kit.devstack.environment import Wiring, ignored_settings
from services.kit.devstack.envoy import Configure, Envoy, configure_with_envoyconf
from services.kit.devstack.errors import StackError
from services.kit.devstack.fingerprint import fingerprint
from services.kit.devstack.infra import Infra
from services.kit.devstack.keeper import Keeper
from services.kit.devstack.operator import Operator
from services.kit.devstack.paths import StatePaths, write_atomically
from services.kit.devstack.ports import require_free
from services.kit.devstack.python_process import PythonProcess, answers
from services.kit.devstack.secrets import SERVICES
from services.kit.devstack.timeline import Timeline
from services.kit.devstack.together import together


def mesh_processes(wiring: Wiring) -> list[PythonProcess]:
    """The mesh's own processes: the services, the edge, and the stand-in for the providers."""
    return [
        *(
            PythonProcess(
                service,
                ("-m", f"services.{service}"),
                wiring.service(service),
                answers(wiring.listen(service)),
                socket=wiring.paths.socket(service),
            )
            for service in SERVICES
        ),
        PythonProcess("edge", ("-m", "edge"), wiring.edge(), answers(wiring.listen("edge"))),
        PythonProcess(
            "sandbox", ("-m", "sandbox"), wiring.sandbox(), answers(wiring.listen("sandbox"))
        ),
    ]


class Mesh:
    """One mesh on one state directory.

    `async with Mesh(directory) as mesh` gives it healthy, on free ports unless some are named, and
    stops it in the end. Start it from the main thread: its processes die with the thread that
    started them.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        http_port: int | None = None,
        grpc_port: int | None = None,
        durable: bool = True,
        operator: Operator | None = None,
        processes: Callable[[Wiring], list[PythonProcess]] = mesh_processes,
        configure_envoy: Configure | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.infra = Infra(
            state_dir,
            durable=durable,
            operator=operator,
            http_port=http_port,
            grpc_port=grpc_port,
            changed=changed,
        )
        self.demo: dict[str, Any] = {}
        self._processes = processes
        self._configure_envoy = configure_envoy or configure_with_envoyconf(self.paths)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.close()

    @property
    def paths(self) -> StatePaths:
        """The places of its state directory."""
        return self.infra.paths

    @property
    def wiring(self) -> Wiring:
        """Its addresses and secrets; known once it starts."""
        return self.infra.wiring

    @property
    def keepers(self) -> list[Keeper]:
        """Every part that was started, in that order."""
        return self.infra.keepers

    @property
    def timeline(self) -> Timeline:
        """When each step of the start began and ended."""
        return self.infra.timeline

    @property
    def notices(self) -> list[str]:
        """What the person who started it should know."""
        own = {name: value for told in self._told() for name, value in told.items()}
        return [
            f"{name} is set in your environment and has no effect here: the mesh decides it."
            for name in ignored_settings(own)
        ]

    def _told(self) -> list[dict[str, str]]:
        wiring = self.wiring
        return [wiring.operator(), wiring.edge(), wiring.sandbox(), *map(wiring.service, SERVICES)]

    async def start(self) -> None:
        """Start everything and return when it is healthy; on any failure stop all of it again."""
        await self.open()
        try:
            await self.boot()
        except BaseException:
            await self.stop()
            self.close()
            raise

    async def open(self) -> None:
        """Take the state directory for this mesh; starts nothing."""
        await self.infra.open()

    async def boot(self) -> None:
        """Start everything, each part as soon as what it needs is there."""
        require_free(self.wiring.http_port, "MALHA_HTTP_PORT")
        require_free(self.wiring.grpc_port, "MALHA_GRPC_PORT")
        envoy = Envoy(self.wiring, self._configure_envoy)
        await together(self._start_services(), self._write_envoy_configuration(envoy))
        await together(self.infra.keep(envoy), self._seed())

    async def stop(self) -> None:
        """Stop everything: first what takes work in, last what keeps it."""
        stores = (self.infra.postgres, self.infra.valkey, self.infra.nats)
        self.paths.demo.unlink(missing_ok=True)
        await asyncio.gather(
            *(keeper.stop() for keeper in self.keepers if keeper.unit not in stores)
        )
        await self.infra.stop()

    def close(self) -> None:
        """Give the state directory back."""
        self.infra.close()

    def keeper(self, name: str) -> Keeper:
        """One part by its name."""
        for keeper in self.keepers:
            if keeper.unit.name == name:
                return keeper
        raise KeyError(name)

    async def restart(self, names: Iterable[str]) -> None:
        """Restart some parts side by side, without a pause."""
        await asyncio.gather(*(self.keeper(name).restart() for name in names))

    async def _start_services(self) -> None:
        await self.infra.start_stores()
        await together(*(self.infra.keep(process) for process in self._processes(self.wiring)))

    async def _write_envoy_configuration(self, envoy: Envoy) -> None:
        with self.timeline.step("envoyconf"):
            await envoy.write_configuration()

    async def _seed(self) -> None:
        """Write the demo tenant unless this very code did, and say how to reach the mesh."""
        wiring = self.wiring
        urls = {
            "api_url": wiring.api_url,
            "grpc_url": f"127.0.0.1:{wiring.grpc_port}",
            "console_url": f"{wiring.api_url}/",
            "sandbox_url": wiring.sandbox_url,
        }
        told = wiring.operator()
        content = fingerprint(
            also=[self.infra.code.demo, *urls.values(), told["MALHA_PUBLIC_URL"]],
        )
        # Lies beside the data it describes, and is forgotten with it.
        kept = self.paths.postgres / "seeded.json"
        known, seeded = recall_seed(kept)
        if known != content or not wiring.sandbox_state.exists():
            with self.timeline.step("seed"):
                seeded = await self.infra.operator.seed(wiring, seeded)
            write_atomically(kept, json.dumps({"content": content, "seeded": seeded}) + "\n")
        self.demo = urls | seeded
        write_atomically(
            self.paths.demo, json.dumps(self.demo, indent=2, ensure_ascii=False) + "\n"
        )


def recall_seed(kept: Path) -> tuple[str, dict[str, Any]]:
    """For which content the demo tenant was written, and what was told about it."""
    try:
        found = json.loads(kept.read_text())
        return str(found["content"]), dict(found["seeded"])
    except (OSError, ValueError, KeyError, TypeError):
        return "", {}


def read_demo(paths: StatePaths) -> dict[str, Any]:
    """How to reach the mesh that runs on a state directory."""
    try:
        found: dict[str, Any] = json.loads(paths.demo.read_text())
    except (OSError, ValueError) as error:
        raise StackError("No mesh is running: `make up` starts one.") from error
    return found
