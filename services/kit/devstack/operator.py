"""The mesh's own command, `python -m services`: schema, bus layout, demo data."""

import json
from typing import Any, Protocol

from services.kit.devstack.environment import Wiring, inherited, python_command
from services.kit.devstack.errors import StackError
from services.kit.devstack.nats import Nats
from services.kit.devstack.paths import PROJECT, StatePaths
from services.kit.devstack.process import Command, run_to_end
from services.kit.devstack.secrets import Secrets

STEP_LIMIT = 120.0


class Operator(Protocol):
    """What prepares the stores for the services."""

    async def nats_configuration(self, nats: Nats, secrets: Secrets) -> str:
        """The server's configuration: who may log in, and touch which subjects."""

    async def migrate(self, wiring: Wiring) -> None:
        """Bring every schema up to date and give each service its role."""

    async def lay_out_bus(self, wiring: Wiring) -> None:
        """Create or update the streams and durable consumers."""

    async def seed(self, wiring: Wiring, before: dict[str, Any]) -> dict[str, Any]:
        """Write the demo tenant, or go on with the one told before, and tell how to use it."""


class ServicesCommand:
    """The real operator."""

    def __init__(self, paths: StatePaths) -> None:
        self._paths = paths

    async def nats_configuration(self, nats: Nats, secrets: Secrets) -> str:
        """Printed by `nats-config` for the public keys it reads."""
        return await self._run(
            "nats-config",
            "--listen",
            nats.listen,
            "--store",
            str(nats.store),
            "--http-port",
            str(nats.http_port),
            environment=inherited(),
            stdin=json.dumps({user: key.public for user, key in secrets.nats.items()}),
        )

    async def migrate(self, wiring: Wiring) -> None:
        """Done by `migrate`."""
        await self._run("migrate", environment=wiring.operator())

    async def lay_out_bus(self, wiring: Wiring) -> None:
        """Done by `topology`."""
        await self._run("topology", environment=wiring.operator())

    async def seed(self, wiring: Wiring, before: dict[str, Any]) -> dict[str, Any]:
        """Done by `seed`."""
        output = await self._run(
            "seed",
            environment=wiring.operator(),
            stdin=json.dumps(before) if before else "",
        )
        try:
            told = json.loads(output)
        except ValueError as error:
            raise StackError(
                "python -m services seed did not print JSON.", self._paths.log("seed")
            ) from error
        if not isinstance(told, dict):
            raise StackError("python -m services seed printed no JSON object.")
        return told

    async def _run(
        self, step: str, *arguments: str, environment: dict[str, str], stdin: str = ""
    ) -> str:
        return await run_to_end(
            Command(
                name=f"python -m services {step}",
                argv=python_command("-m", "services", step, *arguments),
                environment=environment,
                directory=PROJECT,
            ),
            self._paths.log(step),
            stdin=stdin,
            within=STEP_LIMIT,
        )
