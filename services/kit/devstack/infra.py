"""PostgreSQL, Valkey and NATS, migrated and with their streams: what every service stands on."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Self

from services.kit.devstack.environment import Wiring
from services.kit.devstack.fingerprint import Code, Stamp, fingerprint
from services.kit.devstack.keeper import Keeper
from services.kit.devstack.lock import StateLock, end_leftovers
from services.kit.devstack.nats import Nats
from services.kit.devstack.operator import Operator, ServicesCommand
from services.kit.devstack.paths import StatePaths
from services.kit.devstack.ports import choose_ports
from services.kit.devstack.postgres import Postgres
from services.kit.devstack.secrets import SERVICES, load_secrets
from services.kit.devstack.timeline import Timeline
from services.kit.devstack.together import together
from services.kit.devstack.unit import Unit
from services.kit.devstack.valkey import Valkey

PORTS = ("nats", "nats-http", *SERVICES, "edge", "sandbox", "mail")


class Infra:
    """The three stores of one state directory.

    `async with Infra(directory) as infra` gives them started and prepared, and stops them in the
    end. Start it from the main thread: the stores die with the thread that started them.
    """

    def __init__(
        self,
        state_dir: Path | None = None,
        *,
        durable: bool = True,
        operator: Operator | None = None,
        http_port: int | None = None,
        grpc_port: int | None = None,
        changed: Callable[[], None] = lambda: None,
    ) -> None:
        self.paths = StatePaths.at(state_dir)
        self.timeline = Timeline()
        self.keepers: list[Keeper] = []
        self._durable = durable
        self.operator = operator or ServicesCommand(self.paths)
        self._asked_ports = {"http": http_port, "grpc": grpc_port}
        self._changed = changed
        self._lock = StateLock(self.paths.lock)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
        self.close()

    async def open(self) -> None:
        """Take the state directory and decide every address; starts nothing."""
        self.paths.create()
        self._lock.take()
        try:
            await end_leftovers(self.paths.status)
            secrets = load_secrets(self.paths.secrets, guarded=self.paths.postgres / "data")
            ports = choose_ports((*PORTS, *self._free_ports()), self.paths.ports)
            self.postgres = Postgres(self.paths, secrets, durable=self._durable)
            self.valkey = Valkey(self.paths)
            self.nats = Nats(
                self.paths, ports["nats"], ports["nats-http"], self._nats_configuration
            )
            self.wiring = Wiring(
                paths=self.paths,
                secrets=secrets,
                postgres=self.postgres,
                valkey=self.valkey,
                nats=self.nats,
                ports=ports,
                http_port=self._asked_ports["http"] or ports["http"],
                grpc_port=self._asked_ports["grpc"] or ports["grpc"],
            )
            self.code = Code.now()
        except BaseException:
            self._lock.release()
            raise

    def _free_ports(self) -> Iterable[str]:
        return (name for name, port in self._asked_ports.items() if port is None)

    async def start(self) -> None:
        """Start the stores side by side, then lay out their content where it changed."""
        await self.open()
        try:
            await self.start_stores()
        except BaseException:
            await self.stop()
            self.close()
            raise

    async def start_stores(self) -> None:
        """Everything after open()."""
        await together(self._start_postgres(), self._start_nats(), self.keep(self.valkey))

    async def stop(self) -> None:
        """Stop what was started."""
        await asyncio.gather(*(keeper.stop() for keeper in self.keepers))

    def close(self) -> None:
        """Let go of the state directory."""
        self.paths.remove_runtime()
        self._lock.release()

    async def keep(
        self, unit: Unit, *, brought_back: Callable[[], Awaitable[None]] | None = None
    ) -> Keeper:
        """Start a unit and keep it running until stop(); `brought_back` follows each restart."""
        keeper = Keeper(unit, self.paths, self._changed, brought_back=brought_back)
        self.keepers.append(keeper)
        with self.timeline.step(unit.name):
            await keeper.start()
        return keeper

    def database_url(self, service: str) -> str:
        """PostgreSQL as one service's role."""
        return self.postgres.url(f"malha_{service}")

    @property
    def owner_url(self) -> str:
        """PostgreSQL as the owner of the schemas."""
        return self.postgres.url()

    @property
    def redis_url(self) -> str:
        """Valkey."""
        return self.valkey.url

    @property
    def nats_url(self) -> str:
        """NATS."""
        return self.nats.url

    def nats_seed(self, user: str) -> str:
        """The NATS login of a service, of the edge, or of admin."""
        return self.wiring.secrets.nats[user].seed

    def environment(self, service: str) -> dict[str, str]:
        """The whole environment of a service's process."""
        return self.wiring.service(service)

    async def migrate(self) -> None:
        """Bring the schemas up to date, unless they are for this very code."""
        stamp = Stamp(self.paths.postgres / "migrated")
        content = fingerprint(also=[self.code.schema, *sorted(self.wiring.secrets.postgres)])
        if not stamp.says(content):
            with self.timeline.step("migrate"):
                await self.operator.migrate(self.wiring)
            stamp.write(content)

    async def lay_out_bus(self) -> None:
        """Bring the streams and consumers up to date, unless they are for this very code."""
        stamp = Stamp(self.paths.nats / "laid-out")
        if not self.nats.kept_store or not stamp.says(self.code.bus):
            with self.timeline.step("topology"):
                await self.operator.lay_out_bus(self.wiring)
            stamp.write(self.code.bus)

    async def follow_code(self) -> None:
        """Bring schemas and bus up to date with code that changed while the stores were running."""
        self.code = Code.now()
        await together(self.migrate(), self.lay_out_bus())

    async def _start_postgres(self) -> None:
        await self.keep(self.postgres)
        await self.migrate()

    async def _start_nats(self) -> None:
        # A server that lost its store comes back without streams.
        await self.keep(self.nats, brought_back=self.lay_out_bus)
        # Only now: a configuration that the server refuses is asked for again.
        self._nats_stamp.write(self._nats_content)
        await self.lay_out_bus()

    async def _nats_configuration(self, nats: Nats) -> str:
        """Asked from the services' code, and kept while code, keys and addresses stay the same."""
        if nats.file.exists() and self._nats_stamp.says(self._nats_content):
            return nats.file.read_text()
        with self.timeline.step("nats-config"):
            return await self.operator.nats_configuration(nats, self.wiring.secrets)

    @property
    def _nats_stamp(self) -> Stamp:
        return Stamp(self.paths.nats / "configured")

    @property
    def _nats_content(self) -> str:
        keys = (f"{user} {key.public}" for user, key in sorted(self.wiring.secrets.nats.items()))
        return fingerprint(also=[self.code.bus, self.nats.listen, str(self.nats.http_port), *keys])
