"""The mesh's own Python processes."""

from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from services.kit.devstack.environment import python_command
from services.kit.devstack.paths import PROJECT
from services.kit.devstack.probe import http_status
from services.kit.devstack.process import Command
from services.kit.devstack.unit import Unit

Readiness = Callable[[], Awaitable[bool]]


class PythonProcess(Unit):
    """A Python program, ready when the given question is answered with yes."""

    def __init__(
        self,
        name: str,
        arguments: tuple[str, ...],
        environment: Mapping[str, str],
        ready: Readiness,
        *,
        socket: Path | None = None,
        ready_within: float = 45,
    ) -> None:
        self.name = name
        self.ready_within = ready_within
        self._arguments = arguments
        self._environment = environment
        self._ready = ready
        self._socket = socket

    async def prepare(self) -> None:
        """Remove the socket that a killed process left behind: clients would find it and wait."""
        if self._socket is not None:
            self._socket.unlink(missing_ok=True)

    def command(self) -> Command:
        """The interpreter of this very environment, in the project's directory."""
        return Command(
            name=self.name,
            argv=python_command(*self._arguments),
            environment=self._environment,
            directory=PROJECT,
            stop_within=15,
        )

    async def ready(self, pid: int) -> bool:
        """The question the caller gave."""
        return await self._ready()


def answers(listen: str, path: str = "/readyz") -> Readiness:
    """Ready when a GET on host:port gives 200."""
    host, _, port = listen.rpartition(":")

    async def ask() -> bool:
        return await http_status((host, int(port)), path) == 200

    return ask
